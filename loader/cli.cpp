// SPDX-License-Identifier: GPL-2.0-only
#include "cli.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/text.hpp"
#include "plugin/new_plugin.hpp"

#ifndef PRESTACK_VERSION
#define PRESTACK_VERSION "unknown"
#endif

namespace prestack
{
namespace
{

constexpr auto exit_codes = "Exit codes: 0 good, 1 failed, 2 usage or configuration error.";

// The name becomes a directory in bpffs, which allows no dots.
std::string check_instance_name(const std::string &name)
{
	const bool good = !name.empty() && name.size() <= 32 &&
			  std::ranges::all_of(name, [](unsigned char c) {
				  return std::isalnum(c) != 0 || c == '-' || c == '_';
			  });
	return good ? std::string() : "use 1..32 letters, digits, dashes and underscores";
}

std::string check_timeout(const std::string &text)
{
	const auto timeout = parse_duration(text);
	if (!timeout) {
		return timeout.error();
	}
	return *timeout > std::chrono::hours{24} ? "at most a day: 86400s" : "";
}

class Parser
{
public:
	Parser()
	{
		app_.set_version_flag("--version", "prestack " PRESTACK_VERSION);
		app_.require_subcommand(1);
		app_.fallthrough();
		app_.option_defaults()->always_capture_default(false);
		app_.add_option("--bpffs", line_.bpffs,
				"BPF file system that holds the instances (default: the host's "
				"/sys/fs/bpf)")
			->envname("PRESTACK_BPFFS")
			->type_name("DIR");
		app_.footer(std::string("Examples:\n"
					"  prestack check-config prestack.toml\n"
					"  prestack run --config prestack.toml\n"
					"  prestack stats --json\n") +
			    exit_codes);
		add_run();
		add_check_config();
		add_plugins();
		add_new_plugin();
		add_status();
		add_health();
		add_stats();
		add_flush();
		add_stop();
	}

	tl::expected<CommandLine, EarlyExit> parse(std::span<const std::string> arguments)
	{
		// CLI11 takes the arguments in reverse order.
		std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
		try {
			app_.parse(reversed);
		} catch (const CLI::ParseError &outcome) {
			std::ostringstream out;
			std::ostringstream err;
			const int code = app_.exit(outcome, out, err);
			return tl::unexpected(EarlyExit{code == 0 ? 0 : 2, out.str(), err.str()});
		}
		if (line_.command == Command::run && line_.name.empty()) {
			line_.name = "default";
		}
		line_.timeout = now_ ? std::chrono::nanoseconds{0} : *parse_duration(timeout_);
		return line_;
	}

private:
	CLI::App *add(Command command, const char *name, const char *description,
		      const char *examples)
	{
		auto *sub = app_.add_subcommand(name, description);
		sub->callback([this, command] { line_.command = command; });
		sub->footer(std::string("Examples:\n") + examples + "\n" + exit_codes);
		return sub;
	}

	void add_name(CLI::App *sub, const std::string &description)
	{
		sub->add_option("--name", line_.name, description)
			->check(CLI::Validator(check_instance_name, ""))
			->type_name("NAME");
	}
	// Of an instance that is there.
	void add_name(CLI::App *sub)
	{
		add_name(sub, "Instance; without it, the only one of this network namespace");
	}

	void add_json(CLI::App *sub)
	{
		sub->add_flag("--json", line_.json, "Print JSON instead of a table");
	}

	void add_run()
	{
		auto *sub =
			add(Command::run, "run",
			    "Serve from the kernel until SIGTERM or SIGINT (foreground)",
			    "  prestack run --config /etc/prestack.toml\n"
			    "  prestack run --config edge.toml --name edge\n"
			    "Stopping waits for connections on which the kernel has answered (see "
			    "`stop`) and detaches everything; the server then answers every "
			    "request itself.");
		sub->add_option("--config,-c", line_.config, "Configuration file (TOML)")
			->required()
			->type_name("FILE");
		add_name(sub, "Instance; several run side by side under different names (default: "
			      "default)");
	}

	void add_check_config()
	{
		auto *sub = add(Command::check_config, "check-config",
				"Report every error in a configuration file",
				"  prestack check-config prestack.toml\n"
				"  prestack check-config --offline prestack.toml    # a file for "
				"another host");
		sub->add_option("file", line_.config, "Configuration file (TOML)")
			->required()
			->type_name("FILE");
		sub->add_flag("--offline", line_.offline,
			      "Do not check that the interfaces exist on this host");
	}

	void add_plugins()
	{
		auto *sub =
			add(Command::plugins, "plugins", "List the protocol plug-ins in this build",
			    "  prestack plugins\n"
			    "  prestack plugins --json");
		add_json(sub);
	}

	void add_new_plugin()
	{
		auto *sub =
			add(Command::new_plugin, "new-plugin",
			    "Start a protocol plug-in: a folder that builds and passes its tests",
			    "  prestack new-plugin my-protocol ~/src    # makes ~/src/my-protocol");
		sub->add_option("name", line_.plugin, "The plug-in's name, which is its folder's")
			->required()
			->check(CLI::Validator(
				[](const std::string &name) { return check_plugin_name(name); },
				""))
			->type_name("NAME");
		sub->add_option("directory", line_.folder, "Where to make that folder")
			->required()
			->type_name("DIR");
	}

	void add_status()
	{
		auto *sub = add(
			Command::status, "status",
			"Show what an instance is attached to and serves",
			"  prestack status\n"
			"  prestack status --name edge --json\n"
			"Fails if the instance does not run, hangs, or was killed without cleaning "
			"up.");
		add_name(sub);
		add_json(sub);
	}

	void add_health()
	{
		auto *sub =
			add(Command::health, "health",
			    "Say whether everything is served, and if not, why",
			    "  prestack health\n"
			    "  prestack health --name edge --json\n"
			    "Fails if the instance does not run or hangs, or if a service is not "
			    "served.");
		add_name(sub);
		add_json(sub);
	}

	void add_stats()
	{
		auto *sub = add(Command::stats, "stats",
				"Show counters per service, and how full the cache is",
				"  prestack stats\n"
				"  prestack stats --json | jq '.services[0].hits'\n"
				"Also of an instance whose process was killed.");
		add_name(sub);
		add_json(sub);
	}

	void add_flush()
	{
		auto *sub = add(Command::flush, "flush", "Forget all cached entries at once",
				"  prestack flush\n"
				"  prestack flush --service web-cache");
		add_name(sub);
		add_json(sub);
		sub->add_option("--service", line_.service,
				"Only this service (its name in `prestack status`)")
			->type_name("SERVICE");
	}

	void add_stop()
	{
		auto *sub = add(
			Command::stop, "stop", "End an instance, also one whose process was killed",
			"  prestack stop\n"
			"  prestack stop --name edge --timeout 5m\n"
			"  prestack stop --now\n"
			"Over TCP, connections on which the kernel has answered need it for "
			"as long as they last. Nothing more is answered, they may go on until "
			"the timeout, and are reset then.");
		add_name(sub);
		add_json(sub);
		auto *timeout = sub->add_option("--timeout", timeout_,
						"How long such connections may go on")
					->check(CLI::Validator(check_timeout, ""))
					->type_name("TIME")
					->default_str(timeout_);
		sub->add_flag("--now", now_, "Reset them at once")->excludes(timeout);
	}

	CommandLine line_;
	std::string timeout_ = "30s";
	bool now_ = false;
	CLI::App app_{
		"prestack answers key-value reads in the kernel, in front of an unmodified server.",
		"prestack"};
};

} // namespace

tl::expected<CommandLine, EarlyExit> parse_command_line(std::span<const std::string> arguments)
{
	return Parser().parse(arguments);
}

} // namespace prestack
