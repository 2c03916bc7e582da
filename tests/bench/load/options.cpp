// SPDX-License-Identifier: GPL-2.0-only
#include "options.hpp"

#include <charconv>
#include <iostream>
#include <optional>

#include <CLI/CLI.hpp>

namespace prestack::load
{
namespace
{

std::optional<SizeRange> parse_range(const std::string &text)
{
	const char *end = text.data() + text.size();
	SizeRange range{};
	auto [at, problem] = std::from_chars(text.data(), end, range.least);
	range.most = range.least;
	if (problem == std::errc() && at != end && *at == '-') {
		const auto second = std::from_chars(at + 1, end, range.most);
		at = second.ptr;
		problem = second.ec;
	}
	if (problem != std::errc() || at != end || range.least > range.most) {
		return std::nullopt;
	}
	return range;
}

// Key and value have to fit one datagram of memcached's, 1400 bytes.
void add_range(CLI::App &app, const char *name, SizeRange &range, std::uint32_t least,
	       std::uint32_t most, const char *text)
{
	app.add_option_function<std::string>(
		   name,
		   [&range, least, most, name](const std::string &given) {
			   const auto parsed = parse_range(given);
			   if (!parsed || parsed->least < least || parsed->most > most) {
				   throw CLI::ValidationError(name,
							      "wants SIZE or MIN-MAX within " +
								      std::to_string(least) + ".." +
								      std::to_string(most));
			   }
			   range = *parsed;
		   },
		   text)
		->type_name("SIZE|MIN-MAX")
		->default_str(std::to_string(range.least));
}

} // namespace

ParsedOptions parse_options(int argc, char **argv)
{
	ParsedOptions parsed;
	Options &o = parsed.options;
	CLI::App app{"Closed-loop clients of memcached: gets over UDP or TCP, sets over TCP; or of "
		     "Redis, over TCP. Every answer is compared byte for byte with what it must "
		     "be. Prints one JSON object per second, "
		     "and one for the whole run at the end.",
		     "prestack-load"};
	app.option_defaults()->always_capture_default();
	unsigned timeout_ms = static_cast<unsigned>(o.timeout.count());
	std::string transport = "udp";
	std::string protocol = "memcached";
	bool no_preload = false;
	bool may_be_absent = false;
	bool no_segment = false;

	app.add_option("--server", o.server, "Numeric address of the server");
	app.add_option("--port", o.port, "Its UDP and TCP port")->check(CLI::Range(1, 65535));
	app.add_option("--protocol", protocol, "memcached or redis")
		->check(CLI::IsMember({"memcached", "redis"}));
	app.add_option("--seconds", o.seconds, "Length of the run")->check(CLI::Range(0.1, 600.0));
	app.add_option("--threads", o.threads, "Client threads")->check(CLI::Range(1, 64));
	app.add_option("--transport", transport,
		       "Of the gets: udp, or tcp, then sets go over the same connections")
		->check(CLI::IsMember({"udp", "tcp"}));
	app.add_option("--sockets", o.sockets, "UDP sockets, or TCP connections, of each thread")
		->check(CLI::Range(1, 256));
	app.add_option("--window", o.window, "Outstanding requests of each socket")
		->check(CLI::Range(1u, max_window));
	app.add_option("--keys", o.keys, "Number of keys")->check(CLI::Range(1, 9999999));
	app.add_option("--skew", o.skew, "Zipf exponent of the choice of keys; 0: all alike")
		->check(CLI::Range(0.0, 5.0));
	add_range(app, "--key-size", o.key_size, 8, 250, "Bytes of a key");
	add_range(app, "--value-size", o.value_size, 1, 1024, "Bytes of a value");
	app.add_option("--read-share", o.read_share, "Share of gets; the others are sets")
		->check(CLI::Range(0.0, 1.0));
	app.add_option("--absent-share", o.absent_share,
		       "Share of the gets that ask for keys that are never stored (TCP)")
		->check(CLI::Range(0.0, 1.0));
	app.add_option("--timeout", timeout_ms, "Milliseconds until a datagram counts as lost")
		->check(CLI::Range(1, 60000));
	app.add_option("--seed", o.seed, "Seed of all random choices");
	app.add_flag("--no-preload", no_preload,
		     "The keys are there already, stored by a run with the same options");
	app.add_flag("--may-be-absent", may_be_absent,
		     "The server may have evicted keys: a miss is no wrong answer");
	app.add_flag("--no-segment", no_segment,
		     "Send each datagram on its own even if all have one size, which lets the "
		     "kernel cut up a batch (UDP_SEGMENT)");
	app.footer("Exit codes: 0 all answers were right, 1 one was wrong, none came or the run "
		   "failed, 2 usage error.");
	try {
		app.parse(argc, argv);
	} catch (const CLI::ParseError &outcome) {
		parsed.exit_code = app.exit(outcome) == 0 ? 0 : 2;
		return parsed;
	}
	if (no_preload && o.read_share > 0 && o.read_share < 1 && o.absent_share < 1) {
		std::cerr << "prestack-load: --no-preload needs --read-share 1: values that an "
			     "earlier run has set are not known\n";
		parsed.exit_code = 2;
	}
	o.tcp = transport == "tcp";
	if (protocol == "redis") {
		o.protocol = Protocol::redis;
		if (!o.tcp) {
			std::cerr << "prestack-load: --protocol redis needs --transport tcp\n";
			parsed.exit_code = 2;
		}
	}
	if (!o.tcp && (o.read_share < 0.01 || o.absent_share > 0)) {
		std::cerr << "prestack-load: --absent-share, and a --read-share below 0.01, need "
			     "--transport tcp\n";
		parsed.exit_code = 2;
	}
	if (o.keys < o.threads * (o.tcp ? o.sockets : 1)) {
		std::cerr << "prestack-load: fewer keys than threads, or TCP connections\n";
		parsed.exit_code = 2;
	}
	o.timeout = std::chrono::milliseconds(timeout_ms);
	o.preload = !no_preload;
	o.segment = !no_segment;
	o.absent_is_wrong = !may_be_absent;
	return parsed;
}

} // namespace prestack::load
