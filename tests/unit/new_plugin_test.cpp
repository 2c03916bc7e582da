// SPDX-License-Identifier: GPL-2.0-only
// `prestack new-plugin`: names, and what is written. That it builds and passes, scripts/guest tests.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/new_plugin.hpp"
#include "support/prestack.hpp"

namespace prestack
{
namespace
{

using testing::HasSubstr;
using testing::Not;

TEST(NewPlugin, NamesThatSymbolsCanBeMadeOf)
{
	EXPECT_EQ(check_plugin_name("my-protocol2"), "");
	EXPECT_EQ(check_plugin_name("x"), "");
	for (const char *name : {"", "2x", "-x", "My", "a_b", "a/b", "..", "a b"})
		EXPECT_NE(check_plugin_name(name), "") << name;
}

TEST(NewPlugin, EverySpellingOfTheNameIsReplaced)
{
	EXPECT_EQ(rename_template("\"sample\" sample_x SAMPLE_Y SampleZ sample", "my-own"),
		  "\"my-own\" my_own_x MY_OWN_Y MyOwnZ my_own");
	// A name that the template's own is part of.
	EXPECT_EQ(rename_template("\"sample\" sample_x", "resample-d"),
		  "\"resample-d\" resample_d_x");
}

TEST(NewPlugin, WritesTheWholeTemplate)
{
	const test::TempDir dir;
	const auto folder = write_new_plugin("my-own", dir.path() / "new");
	ASSERT_TRUE(folder) << to_string(folder.error());
	EXPECT_EQ(*folder, dir.path() / "new" / "my-own");
	ASSERT_FALSE(plugin_template().empty());
	for (const TemplateFile &file : plugin_template()) {
		std::ifstream in(*folder / file.path, std::ios::binary);
		std::ostringstream text;
		text << in.rdbuf();
		EXPECT_EQ(text.str(), rename_template(file.text, "my-own")) << file.path;
		EXPECT_THAT(text.str(), Not(HasSubstr("sample"))) << file.path;
	}
	// What is there stays.
	EXPECT_THAT(to_string(write_new_plugin("my-own", dir.path() / "new").error()),
		    HasSubstr("EEXIST"));
}

} // namespace
} // namespace prestack
