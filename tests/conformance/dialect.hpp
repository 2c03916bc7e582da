// SPDX-License-Identifier: GPL-2.0-only
// How a protocol says the things that every protocol of this kind can say.
//
// A plug-in joins the conformance suite with one file, tests/dialect.cpp, which derives from Dialect
// and registers an instance. All functions are pure; a message is the payload of one datagram (or
// of one segment, where it says so).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <prestack/types.h>

namespace prestack::test
{

struct Item {
	std::string key;
	std::string value;
	std::uint32_t flags = 0; // kept with the value, where the protocol has that (has_flags)
};

struct Message {
	std::string what; // for messages of failed tests: "incr", "delete, quiet"
	std::string payload;
};

class Dialect
{
public:
	virtual ~Dialect() = default;

	// The plug-in's name: its folder's.
	virtual std::string_view plugin() const = 0;
	// Keys that one read can name and that are served; at most PS_MAX_KEYS.
	virtual std::size_t most_keys() const { return 1; }
	virtual bool has_flags() const { return false; }
	// False: the protocol is spoken over streams alone. Then read(), reply(), hit() and other_reads() are
	// segments, requests have no numbers, and there are no writes() nor flushes().
	virtual bool has_datagrams() const { return true; }

	// What keys and values the protocol can carry. The suite uses no others, with one exception: it
	// reads a key of one byte more than the longest, and expects that the server gets that read.
	virtual std::size_t longest_key() const { return PS_MAX_KEY; }
	virtual std::string key_bytes() const { return every_byte_but(unprintable); }
	virtual std::size_t shortest_value() const { return 0; }
	virtual std::size_t longest_value() const { return PS_MAX_VALUE; }
	virtual std::string value_bytes() const { return every_byte_but(""); }
	// Other spellings of `key` on the wire that the server takes for the same key.
	virtual std::vector<std::string> spellings(const std::string & /*key*/) const { return {}; }

	// A read of all `keys`. `request` is the client's number for it, as the protocol echoes it.
	virtual std::string read(std::uint16_t request,
				 const std::vector<std::string> &keys) const = 0;
	// The server's reply if it has all items, in the order of the read: one or more datagrams.
	virtual std::vector<std::string> reply(std::uint16_t request,
					       const std::vector<Item> &items) const = 0;
	// The one datagram that is expected from the kernel if it has them all.
	virtual std::string hit(std::uint16_t request, const std::vector<Item> &items) const = 0;

	// One write of every kind that the protocol has, to `key`, as datagrams.
	virtual std::vector<Message> writes(const std::string & /*key*/) const { return {}; }
	// The same as segments; none if the protocol is not spoken over streams.
	virtual std::vector<Message> stream_writes(const std::string & /*key*/) const { return {}; }
	// Requests that may change any key, or that nobody can understand, as datagrams.
	virtual std::vector<Message> flushes() const { return {}; }
	virtual std::vector<Message> stream_flushes() const { return {}; }
	// Reads of `key` in forms that the plug-in leaves to the server; they change nothing.
	virtual std::vector<Message> other_reads(const std::string & /*key*/) const { return {}; }
	// Replies to the read `request` of `item` alone that must never be cached.
	virtual std::vector<Message> odd_replies(std::uint16_t /*request*/,
						 const Item & /*item*/) const
	{
		return {};
	}

protected:
	// All 256 bytes, in order, without those of `left_out`.
	static std::string every_byte_but(std::string_view left_out);
	// Blank, control characters and DEL: what ends a key in most text protocols.
	static const std::string unprintable;
};

// Adds a dialect to those that the suite knows. Returns true, so that a namespace-scope constant
// can be initialised with it:
//
//   const bool registered = register_dialect(std::make_unique<Mine>());
bool register_dialect(std::unique_ptr<Dialect> dialect);

// All of them, by plug-in name. Call after static initialisation.
std::vector<const Dialect *> dialects();

} // namespace prestack::test
