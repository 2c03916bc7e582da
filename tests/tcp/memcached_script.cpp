// SPDX-License-Identifier: GPL-2.0-only
// What can be said to memcached.
#include <array>

#include "protocol.hpp"
#include "script_generator.hpp"
#include "support/memcached.hpp"
#include "support/text_protocol.hpp"

namespace prestack::test
{

namespace
{

class MemcachedScriptGenerator : public ScriptGenerator
{
public:
	MemcachedScriptGenerator(std::uint64_t seed, unsigned number, const ScriptOptions &options)
		: ScriptGenerator(seed, number, options), number_key_(name() + "-number"),
		  aging_key_(name() + "-aging") // only here expiry is set
	{
	}

private:
	std::string any_value()
	{
		return value(
			{"\r\n", "END\r\n", "VALUE x 0 3\r\n", "STORED\r\n", "get x\r\n", "\n"});
	}

	Command first() override { return storage("set", keys()[0]); }
	Command simple_read() override { return {"get " + any_key() + "\r\n"}; }
	Command closing_command() override { return {"quit\r\n", 0}; }

	Command storage(std::string_view verb, const std::string &to)
	{
		std::string bytes =
			store(to, any_value(), static_cast<unsigned>(below(70'000)), verb);
		if (!one_in(8))
			return {std::move(bytes)};
		bytes.insert(bytes.find("\r\n"), " noreply");
		return {std::move(bytes), 0};
	}

	Command read() override
	{
		static constexpr std::array<std::string_view, 7> flags{
			"", " v", " k v", " f v s", " v O77", " k", " s v k f Oopaque"};
		if (one_in(4))
			return {"mg " + any_key() + std::string(pick(flags)) + "\r\n"};
		if (one_in(25))
			return {"gets " + name() + "-never\r\n"};
		std::string line = "get";
		for (std::uint64_t n = one_in(3) ? 1 + below(12) : 1; n > 0; --n)
			line += " " + any_key();
		return {line + "\r\n"};
	}

	Command change() override
	{
		static constexpr std::array<std::string_view, 5> verbs{"set", "add", "replace",
								       "append", "prepend"};
		const std::string quiet = one_in(6) ? " noreply" : "";
		const unsigned replies = quiet.empty() ? 1 : 0;
		switch (below(12)) {
		case 0:
			return {"delete " + key() + quiet + "\r\n", replies};
		case 1:
			return {store(number_key_, std::to_string(below(1'000'000)))};
		case 2:
			return {(one_in(2) ? "incr " : "decr ") + number_key_ + " " +
					std::to_string(below(5'000)) + quiet + "\r\n",
				replies};
		case 3:
			return {"touch " + aging_key_ + " 1000" + quiet + "\r\n", replies};
		case 4:
			return {store(aging_key_, any_value(), 0, "set", one_in(2) ? 1'000 : 0)};
		case 5: {
			const std::string data = any_value();
			return {"ms " + key() + " " + std::to_string(data.size()) + "\r\n" + data +
				"\r\n"};
		}
		case 6:
			return {"md " + key() + "\r\n"};
		case 7:
			return {"gat 1000 " + aging_key_ + "\r\n"};
		case 8:
			return {"ma " + number_key_ + " D3 v\r\n"};
		default:
			return storage(pick(verbs), key());
		}
	}

	// No get with a key that is too long: memcached then drops the replies that it has not sent yet,
	// which are more or fewer.
	Command odd() override
	{
		static constexpr std::array<std::string_view, 6> odd{
			"nonsense\r\n", "get\r\n",   "version\r\n",
			"mn\r\n",	"ERROR\r\n", "verbosity\r\n"};
		return {std::string(pick(odd))};
	}

	const std::string number_key_;
	const std::string aging_key_;
};

Script make_script(std::uint64_t seed, unsigned number, const ScriptOptions &options)
{
	return MemcachedScriptGenerator(seed, number, options).write();
}

std::vector<std::string> shared_items()
{
	std::mt19937_64 random(7);
	std::vector<std::string> commands;
	for (unsigned i = 0; i < shared_keys; ++i)
		commands.push_back(store(shared_key(i), shared_value(random), i));
	return commands;
}

std::unique_ptr<Server> start(const Netns &ns, const std::vector<std::string> &addresses)
{
	// Nothing may be evicted: the two would not evict the same.
	return std::make_unique<Memcached>(
		ns, MemcachedOptions{.addresses = addresses, .extra = {"-m", "1024", "-t", "2"}});
}

} // namespace

const Protocol memcached_protocol{
	.service = {},
	.start = start,
	.reply_length = reply_length,
	.make_script = make_script,
	.shared_items = shared_items,
};

} // namespace prestack::test
