// SPDX-License-Identifier: GPL-2.0-only
// An expired item is not served, whichever command gave it its time. Each item is read until its time
// is over and beyond, and compared with what memcached says. This is defect (g) of BMC, which ignores
// expiry.
#include "binary_frame.hpp"
#include "expiring_items.hpp"

namespace prestack::test
{
namespace
{

Step binary(Opcode opcode, const std::string &extras, const std::string &value = "")
{
	return {[=](const std::string &key) { return binary_request(opcode, key, extras, value); },
		Step::By::binary};
}

Step set(const std::string &expiry)
{
	return text("set {k} 0 " + expiry + " 5\r\nvalue");
}

constexpr auto udp = Step::By::udp;

std::vector<ExpiringItem> items()
{
	const Step forever = set("0");
	return {
		{"never", {forever}, {}, false},
		// Set by storing.
		{"relative", {set("6")}},
		{"relative_of_two_seconds", {}, {set("2")}, true, false},
		{"relative_of_one_second", {}, {set("1")}, true, false},
		{"relative_of_thirty_days", {set("2592000")}, {}, false},
		{"absolute_just_beyond_thirty_days", {}, {set("2592001")}, true, false},
		{"absolute", {set("{t+7}")}},
		{"absolute_far", {set("{t+100000}")}, {}, false},
		{"absolute_past", {forever}, {set("{t+-10}")}, true, false},
		{"negative", {forever}, {set("-1")}, true, false},
		{"shortened_by_set", {forever}, {set("5")}},
		{"lengthened_by_set", {set("5")}, {forever}, false},
		{"set_noreply", {forever}, {quiet_text("set {k} 0 5 3 noreply\r\nnew")}},
		{"add", {text("add {k} 0 6 5\r\nvalue")}},
		{"replace", {forever}, {text("replace {k} 0 5 3\r\nnew")}},
		{"set_over_udp", {text("set {k} 0 6 5\r\nvalue", udp)}},
		{"shortened_by_set_over_udp", {forever}, {text("set {k} 0 5 3\r\nnew", udp)}},
		{"append_keeps_it", {set("6")}, {text("append {k} 0 0 3\r\nnew")}},
		{"prepend_keeps_it", {set("6")}, {text("prepend {k} 0 0 3\r\nnew")}},
		{"incr_keeps_it", {text("set {k} 0 6 2\r\n10")}, {text("incr {k} 1")}},
		// Changed by what leaves the value alone.
		{"shortened_by_touch", {forever}, {text("touch {k} 5")}},
		{"shortened_by_touch_noreply", {forever}, {quiet_text("touch {k} 5 noreply")}},
		{"shortened_by_touch_over_udp", {forever}, {text("touch {k} 5", udp)}},
		{"touched_to_an_absolute_time", {forever}, {text("touch {k} {t+6}")}},
		{"touched_to_a_negative_time", {forever}, {text("touch {k} -1")}, true, false},
		{"lengthened_by_touch", {set("5")}, {text("touch {k} 1000")}, false},
		{"touched_for_ever", {set("5")}, {text("touch {k} 0")}, false},
		{"shortened_by_gat", {forever}, {text("gat 5 {k}")}},
		{"shortened_by_gats", {forever}, {text("gats 5 {k}")}},
		{"shortened_by_gat_over_udp", {forever}, {text("gat 5 {k}", udp)}},
		{"lengthened_by_gat", {set("5")}, {text("gat 1000 {k}")}, false},
		// Meta commands.
		{"ms_T", {text("ms {k} 5 T6\r\nvalue")}},
		{"ms_T_quiet", {forever}, {quiet_text("ms {k} 5 T5 q\r\nvalue")}},
		{"shortened_by_mg_T", {forever}, {text("mg {k} T5")}},
		{"shortened_by_mg_T_with_value", {forever}, {text("mg {k} v t T5")}},
		{"lengthened_by_mg_T", {set("5")}, {text("mg {k} T1000")}, false},
		{"mg_N", {}, {text("mg {k} N5 v")}, true, false},
		{"ma_N", {text("ma {k} N6 J10")}},
		{"ma_T", {text("set {k} 0 0 2\r\n10")}, {text("ma {k} T5")}},
		{"md_I_T", {forever}, {text("md {k} I T5")}, true, false},
		// The binary protocol.
		{"binary_set", {binary(Opcode::set, store_extras(6), "value")}},
		{"shortened_by_binary_set",
		 {forever},
		 {binary(Opcode::set, store_extras(5), "new")}},
		{"shortened_by_binary_touch", {forever}, {binary(Opcode::touch, big_endian32(5))}},
		{"lengthened_by_binary_touch",
		 {set("5")},
		 {binary(Opcode::touch, big_endian32(1000))},
		 false},
		{"shortened_by_binary_gat", {forever}, {binary(Opcode::gat, big_endian32(5))}},
		{"binary_increment_of_nothing", {binary(Opcode::increment, count_extras(1, 5, 6))}},
		// Concerning all items: some seconds before and after, nothing is served.
		{.name = "flush_all_later",
		 .before = {forever},
		 .after = {text("flush_all 7")},
		 .alone = true},
		{.name = "flush_all_soon",
		 .before = {forever},
		 .after = {text("flush_all 3")},
		 .served = false,
		 .alone = true},
		{.name = "flush_all_later_noreply",
		 .before = {forever},
		 .after = {quiet_text("flush_all 3 noreply")},
		 .served = false,
		 .alone = true},
		{.name = "flush_all_later_over_udp",
		 .before = {forever},
		 .after = {text("flush_all 3", udp)},
		 .served = false,
		 .alone = true},
		{.name = "flush_all_later_and_sooner",
		 .before = {forever},
		 .after = {text("flush_all 6"), text("flush_all 2")},
		 .served = false,
		 .alone = true},
		{.name = "flush_all_much_later",
		 .before = {forever},
		 .after = {text("flush_all 1000")},
		 .ends = false,
		 .alone = true},
		{.name = "flush_all_absolute",
		 .before = {forever},
		 .after = {text("flush_all {t+4}")},
		 .served = false,
		 .alone = true},
		{.name = "binary_flush_later",
		 .before = {forever},
		 .after = {{[](const std::string &) {
				    return binary_request(Opcode::flush, "", big_endian32(3));
			    },
			    Step::By::binary}},
		 .served = false,
		 .alone = true},
	};
}

class ItemExpiry : public CoherenceTest, public testing::WithParamInterface<ExpiringItem>
{
protected:
	// All at the same time: each takes seconds.
	static const std::map<std::string, ExpiryObservation> &observed()
	{
		static const std::map<std::string, ExpiryObservation> result =
			observe_expiry(items());
		return result;
	}
};

TEST_P(ItemExpiry, ServedWhileItLivesAndNotAfter)
{
	const ExpiryObservation &observed = ItemExpiry::observed().at(GetParam().name);
	EXPECT_EQ(observed.ended, GetParam().ends);
	EXPECT_THAT(observed.wrong, testing::IsEmpty());
	if (GetParam().served) {
		EXPECT_GT(observed.hits, 0U) << "never served by the kernel in " << observed.reads
					     << " reads: this shows nothing";
	}
	if (!GetParam().ends && GetParam().served) {
		EXPECT_GT(observed.hits_at_the_end, 0U) << "no longer served, but it lives";
	}
}

INSTANTIATE_TEST_SUITE_P(Coherence, ItemExpiry, testing::ValuesIn(items()),
			 [](const auto &info) { return info.param.name; });

} // namespace
} // namespace prestack::test
