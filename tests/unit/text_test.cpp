// SPDX-License-Identifier: GPL-2.0-only
// Sizes, durations, suggestions and errors are printed and parsed.
#include <array>
#include <cerrno>
#include <chrono>
#include <string_view>

#include <gtest/gtest.h>

#include "base/result.hpp"
#include "base/text.hpp"

namespace prestack
{
namespace
{

using namespace std::chrono_literals;

TEST(ParseSize, UnderstandsUnits)
{
	EXPECT_EQ(parse_size("0"), 0u);
	EXPECT_EQ(parse_size("1000"), 1000u);
	EXPECT_EQ(parse_size("64K"), 65536u);
	EXPECT_EQ(parse_size("64KiB"), 65536u);
	EXPECT_EQ(parse_size("64M"), 67108864u);
	EXPECT_EQ(parse_size("64 MiB"), 67108864u);
	EXPECT_EQ(parse_size("1G"), std::uint64_t{1} << 30);
	EXPECT_EQ(parse_size("8GiB"), std::uint64_t{8} << 30);
}

TEST(ParseSize, RefusesTheRest)
{
	for (const auto text : {"", "MiB", "-1", "+1", "1.5GiB", "64MB", "64mib", "64MiBs",
				"64MiB ", " 64MiB", "0x10"}) {
		EXPECT_FALSE(parse_size(text)) << text;
	}
	EXPECT_EQ(parse_size("99999999999999999999").error(), "the number is too large");
	EXPECT_EQ(parse_size("8589934592GiB").error(), "the number is too large");
	EXPECT_TRUE(parse_size("8589934591GiB"));
}

TEST(ParseDuration, UnderstandsUnits)
{
	EXPECT_EQ(parse_duration("250us"), 250us);
	EXPECT_EQ(parse_duration("100ms"), 100ms);
	EXPECT_EQ(parse_duration("2s"), 2s);
	EXPECT_EQ(parse_duration("1m"), 60s);
}

TEST(ParseDuration, RefusesTheRest)
{
	for (const auto text : {"", "100", "ms", "1.5s", "1h", "1M", "-1s"}) {
		EXPECT_FALSE(parse_duration(text)) << text;
	}
	EXPECT_FALSE(parse_duration("9223372037s"));
}

TEST(FormatSize, CanBeReadBack)
{
	EXPECT_EQ(format_size(0), "0");
	EXPECT_EQ(format_size(1000), "1000");
	EXPECT_EQ(format_size(65536), "64KiB");
	EXPECT_EQ(format_size(67108864), "64MiB");
	EXPECT_EQ(format_size((1u << 20) + 1024), "1025KiB");
	for (const std::uint64_t bytes : {1ull, 1024ull, 3ull << 20, 5ull << 40}) {
		EXPECT_EQ(parse_size(format_size(bytes)), bytes);
	}
}

TEST(FormatDuration, CanBeReadBack)
{
	EXPECT_EQ(format_duration(0s), "0s");
	EXPECT_EQ(format_duration(3600s), "3600s");
	EXPECT_EQ(format_duration(1500ms), "1500ms");
	EXPECT_EQ(format_duration(100ms), "100ms");
	EXPECT_EQ(format_duration(1us), "1us");
	for (const auto time : {0ns, std::chrono::nanoseconds{250us}, std::chrono::nanoseconds{7s}})
		EXPECT_EQ(parse_duration(format_duration(time)), time);
}

TEST(Nearest, FindsTypingErrorsOnly)
{
	constexpr std::array<std::string_view, 4> words{"memory", "associativity", "max_key",
							"max_value"};
	EXPECT_EQ(nearest("memroy", words), "memory");
	EXPECT_EQ(nearest("asociativty", words), "associativity");
	EXPECT_EQ(nearest("max_keys", words), "max_key");
	EXPECT_EQ(nearest("max_valeu", words), "max_value");
	EXPECT_EQ(nearest("colour", words), std::nullopt);
	EXPECT_EQ(nearest("", words), std::nullopt);
	EXPECT_EQ(nearest(std::string(1000, 'm'), words), std::nullopt);
	EXPECT_EQ(nearest("memory", {}), std::nullopt);
}

TEST(QuotedList, ReadsAsASentence)
{
	constexpr std::array<std::string_view, 3> words{"a", "b", "c"};
	EXPECT_EQ(quoted_list(words), "\"a\", \"b\" or \"c\"");
	EXPECT_EQ(quoted_list(std::span(words).first(1)), "\"a\"");
	EXPECT_EQ(quoted_list({}), "");
}

TEST(ErrorText, NamesObjectOperationErrnoAndMend)
{
	EXPECT_EQ(to_string(fail("interface eth0", "attach XDP", -EBUSY, "detach the other program")
				    .value()),
		  "interface eth0: attach XDP: Device or resource busy (EBUSY); detach the other "
		  "program");
	EXPECT_EQ(to_string(fail("map", "pin", EEXIST).value()), "map: pin: File exists (EEXIST)");
	EXPECT_EQ(to_string(fail("map", "pin").value()), "map: pin");
	EXPECT_EQ(to_string(fail("map", "pin", 4000).value()), "map: pin: unknown error (4000)");
}

} // namespace
} // namespace prestack
