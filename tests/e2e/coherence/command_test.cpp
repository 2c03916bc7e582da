// SPDX-License-Identifier: GPL-2.0-only
// After any command that can change an item, nobody reads the old value, and the new one is soon
// served by the kernel.
#include "change.hpp"
#include "support/tcp_options.hpp"

namespace prestack::test
{
namespace
{

enum class Way {
	tcp_whole, // in one segment
	tcp_split, // in two segments, cut at every byte in turn
	tcp_bytes, // each byte in a segment of its own
	tcp_alone, // a quiet command, and nothing behind it
	udp,
};

struct Case {
	Change change;
	Way way;

	std::string name() const;
	friend void PrintTo(const Case &each, std::ostream *out) { *out << each.name(); }
};

std::string name_of(Way way)
{
	switch (way) {
	case Way::tcp_whole:
		return "tcp_whole";
	case Way::tcp_split:
		return "tcp_split";
	case Way::tcp_bytes:
		return "tcp_bytes";
	case Way::tcp_alone:
		return "tcp_alone";
	case Way::udp:
		return "udp";
	}
	return "";
}

std::string Case::name() const
{
	return change.name + "_" + name_of(way);
}

std::vector<Case> every_case()
{
	std::vector<Case> cases;
	for (const Change &change : every_change()) {
		for (const Way way : {Way::tcp_whole, Way::tcp_split, Way::tcp_bytes, Way::udp})
			cases.push_back({change, way});
		if (change.replies == 0)
			cases.push_back({change, Way::tcp_alone});
	}
	return cases;
}

// Reads of a key while a command is half sent: enough for the old value to be cached again, if a
// write that has begun to arrive holds it off for the settle time only.
constexpr unsigned reads_between = 100;

class Command : public CoherenceTest, public testing::WithParamInterface<Case>
{
protected:
	const Change &change() const { return GetParam().change; }

	// Nothing but time ends a write that is not answered: it has to be enough for the server. For
	// all others it is short, so that nothing but what is seen of the replies can keep them right.
	MemcachedTestbed &testbed()
	{
		const bool alone = change().replies == 0 &&
				   (GetParam().way == Way::tcp_alone || GetParam().way == Way::udp);
		return MemcachedTestbed::shared({.settle = alone ? "300ms" : "3ms"});
	}

	std::string bytes(const std::string &key)
	{
		const std::string unique =
			change().needs_unique() ? testbed().unique(key) : std::string();
		return change().bytes(key, unique);
	}

	// What must hold once the server has carried out the change.
	void expect_changed(const std::string &key, const std::string &before)
	{
		const std::string after = testbed().expect_truth(key);
		if (change().shows) {
			EXPECT_NE(printable(after), printable(before)) << "nothing has changed";
		}
	}
	void expect_cached_again(const std::string &key)
	{
		if (testbed().truth(key) != no_item && !change().special)
			testbed().cache(key);
	}

	// Sends the pieces as segments. Reads the key between them, so that a write that has begun to
	// arrive meets reads that may fill.
	void send_pieces(TcpClient &client, const std::vector<std::string> &pieces,
			 const std::string &key)
	{
		const std::uint32_t before = data_segments_sent(client.fd());
		for (const std::string &piece : pieces) {
			client.send(piece);
			if (&piece == &pieces.back())
				break;
			for (unsigned count = 0; count < reads_between; ++count) {
				if (testbed().read(key).hit)
					break;
			}
		}
		ASSERT_GE(data_segments_sent(client.fd()), before + pieces.size())
			<< "pieces went out together: this proves nothing";
	}

	void change_in_pieces(TcpClient &client, const std::vector<std::string> &pieces,
			      const std::string &key)
	{
		const std::string before = testbed().cache(key);
		send_pieces(client, pieces, key);
		if (change().replies == 0)
			client.send(change().sync());
		change().receive(client);
		expect_changed(key, before);
	}

	std::string fresh_key()
	{
		std::string key = testbed().key();
		testbed().store(key, change().initial);
		return key;
	}
};

TEST_P(Command, NeverTheOldValue)
{
	TcpClient client = testbed().tcp();
	switch (GetParam().way) {
	case Way::tcp_whole: {
		const std::string key = fresh_key();
		change_in_pieces(client, {bytes(key)}, key);
		expect_cached_again(key);
		break;
	}
	case Way::tcp_bytes: {
		const std::string key = fresh_key();
		std::vector<std::string> pieces;
		for (const char byte : bytes(key))
			pieces.emplace_back(1, byte);
		change_in_pieces(client, pieces, key);
		expect_cached_again(key);
		break;
	}
	case Way::tcp_split: {
		// All keys together, so that what has to pass before an item is cached passes once.
		const std::size_t length = bytes(fresh_key()).size();
		std::vector<std::string> keys;
		for (std::size_t cut = 1; cut < length; ++cut)
			keys.push_back(fresh_key());
		for (std::size_t cut = 1; cut < length && !HasFailure(); ++cut) {
			const std::string &key = keys[cut - 1];
			SCOPED_TRACE("cut after " + std::to_string(cut) + " bytes");
			if (change().everything)
				testbed().store(key, change().initial);
			const std::string whole = bytes(key);
			change_in_pieces(client, {whole.substr(0, cut), whole.substr(cut)}, key);
		}
		for (const std::string &key : keys) {
			if (!HasFailure())
				expect_cached_again(key);
		}
		break;
	}
	case Way::tcp_alone: {
		const std::string key = fresh_key();
		const std::string before = testbed().cache(key);
		const std::string whole = bytes(key);
		const std::string unique_before = testbed().unique(key);
		client.send(whole);
		wait_until("the server has carried out the command",
			   [&] { return testbed().unique(key) != unique_before; });
		expect_changed(key, before);
		expect_cached_again(key);
		break;
	}
	case Way::udp: {
		const std::string key = fresh_key();
		const std::string before = testbed().cache(key);
		const std::uint16_t id = testbed().udp_client().next_request_id();
		const std::string whole = bytes(key);
		testbed().udp_client().send({.request_id = id}, whole);
		// Carried out before what the same socket gets later.
		testbed().udp_client().ask("version\r\n");
		expect_changed(key, before);
		expect_cached_again(key);
		break;
	}
	}
}

INSTANTIATE_TEST_SUITE_P(Coherence, Command, testing::ValuesIn(every_case()),
			 [](const auto &info) { return info.param.name(); });

} // namespace
} // namespace prestack::test
