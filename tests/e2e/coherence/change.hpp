// SPDX-License-Identifier: GPL-2.0-only
// Commands that can change an item, as data: every test of this folder that goes through commands
// goes through these.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "binary_frame.hpp"
#include "memcached_testbed.hpp"

namespace prestack::test
{

struct Change {
	std::string name;
	// Text: {k} stands for the key, {b} for the key in base64, {c} for its cas unique. Empty: binary.
	std::string text{};
	unsigned replies = 1; // 0: quiet, or noreply
	std::string initial = "old-value";
	bool shows = true; // a get afterwards answers otherwise than before
	bool everything = false; // changes all items
	// Afterwards `mg` tells more of the item than an entry can hold (stale, won, a binary key), so
	// it is left to the server.
	bool special = false;

	struct Binary {
		Opcode opcode{};
		std::string extras{};
		std::string value{};
		bool with_key = true;
		bool with_unique = false;
	};
	// One after the other.
	std::vector<Binary> binary{};

	bool is_binary() const { return text.empty(); }
	// The command for this key.
	std::string bytes(std::string_view key, std::string_view unique) const;
	bool needs_unique() const;
	// A command that changes nothing and is answered: its reply follows the change.
	std::string sync() const;
	// Reads what the server has to say to this change; if it is quiet, to the sync that follows it.
	std::string receive(TcpClient &client) const;
};

const std::vector<Change> &text_changes();
const std::vector<Change> &meta_changes();
const std::vector<Change> &binary_changes();
// All of them.
std::vector<Change> every_change();

} // namespace prestack::test
