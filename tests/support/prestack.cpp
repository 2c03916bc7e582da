// SPDX-License-Identifier: GPL-2.0-only
#include "prestack.hpp"

#include <atomic>
#include <cstdlib>
#include <fstream>

namespace prestack::test
{

namespace
{

// The kernel's verifier has much to do: seconds where the CPU is emulated (tests/kernels).
constexpr Milliseconds load_patience{60'000};

std::string unique_instance()
{
	static std::atomic<unsigned> counter{0};
	return "pse2e" + std::to_string(::getpid()) + "-" + std::to_string(++counter);
}

std::string toml_list(const std::vector<std::string> &values)
{
	std::string text = "[";
	for (const std::string &value : values)
		text += (text == "[" ? "\"" : ", \"") + value + "\"";
	return text + "]";
}

std::string binary_or_throw(const std::string &chosen)
{
	if (!chosen.empty())
		return chosen;
	const auto binary = prestack_binary();
	if (!binary)
		throw std::runtime_error(why_no_prestack());
	return *binary;
}

} // namespace

TempDir::TempDir()
{
	std::string name =
		(std::filesystem::temp_directory_path() / "prestack-e2e-XXXXXX").string();
	if (::mkdtemp(name.data()) == nullptr)
		throw std::runtime_error("mkdtemp " + name);
	path_ = name;
}

TempDir::~TempDir()
{
	std::error_code ignored;
	std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::write(const std::string &name, const std::string &text) const
{
	const auto file = path_ / name;
	std::ofstream(file, std::ios::binary) << text;
	return file.string();
}

std::optional<std::string> prestack_binary()
{
	if (const char *chosen = std::getenv("PRESTACK_BIN"))
		return chosen;
#ifdef PRESTACK_BINARY
	return PRESTACK_BINARY;
#else
	return std::nullopt;
#endif
}

std::string why_no_prestack()
{
	return prestack_binary() ? "" : "no prestack binary: set PRESTACK_BIN";
}

std::string PrestackOptions::toml() const
{
	// A test that ends does not wait for its own connections to close.
	const std::string draining = "drain_timeout = \"0s\"\n";
	std::string text = "interfaces = " + toml_list(interfaces) + "\nxdp_mode = \"" + xdp_mode +
			   "\"\n" + draining + "\n[cache]\nmemory = \"" + memory +
			   "\"\nassociativity = " + std::to_string(associativity) +
			   "\nmax_value = " + std::to_string(max_value) + "\nsettle = \"" + settle +
			   "\"\naudit_rate = " + std::to_string(audit_rate) +
			   "\nwarm_rate = " + std::to_string(warm_rate) + "\n";
	for (const ServiceOptions &service : services) {
		text += "\n[[service]]\nprotocol = \"" + service.protocol +
			"\"\nport = " + std::to_string(service.port) +
			"\ntransports = " + toml_list(service.transports) + "\nserver = \"" +
			service.server + "\"\nallow = " + toml_list(service.allow) +
			"\nexisting_connections = \"" + service.existing_connections + "\"\n";
		if (!service.name.empty())
			text += "name = \"" + service.name + "\"\n";
	}
	return text;
}

Process spawn_prestack_run(const Netns &ns, const std::string &config_file, const std::string &name,
			   const std::string &binary)
{
	return Process::spawn(
		{.argv = {binary_or_throw(binary), "run", "--config", config_file, "--name", name},
		 .netns_fd = ns.fd()});
}

Prestack::Prestack(const Netns &ns, const PrestackOptions &options)
	: ns_(ns), binary_(options.binary), name_(unique_instance()),
	  config_file_(directory_.write("prestack.toml", options.toml()))
{
	start();
}

Prestack::~Prestack()
{
	if (process_.running())
		process_.stop();
}

void Prestack::start()
{
	process_ = spawn_prestack_run(ns_, config_file_, name_, binary_);
	// The pins of a killed run may still answer for it: this one's process must be named.
	const auto serving = [&] {
		const Finished status = cli("status --json");
		return status.exit_code == 0 &&
		       nlohmann::json::parse(status.output).value("pid", -1) == process_.pid();
	};
	const bool ready = eventually([&] { return !process_.running() || serving(); },
				      load_patience, Milliseconds{20});
	if (!process_.running() || !ready) {
		throw std::runtime_error("prestack run does not serve: " + process_.errors() +
					 process_.output());
	}
}

Finished Prestack::cli(const std::string &arguments) const
{
	ProcessOptions options{.argv = {binary_or_throw(binary_)}};
	for (std::string &word : words(arguments))
		options.argv.push_back(std::move(word));
	options.argv.insert(options.argv.end(), {"--name", name_});
	return run(options);
}

nlohmann::json Prestack::stats() const
{
	const Finished finished = cli("stats --json");
	if (finished.exit_code != 0)
		throw std::runtime_error("prestack stats: " + finished.errors);
	return nlohmann::json::parse(finished.output);
}

std::uint64_t Prestack::counter(const std::string &name, std::size_t service) const
{
	return stats().at("services").at(service).at(name).get<std::uint64_t>();
}

std::uint64_t Prestack::counter(const std::string &name) const
{
	std::uint64_t sum = 0;
	const nlohmann::json all = stats();
	for (const auto &service : all.at("services"))
		sum += service.at(name).get<std::uint64_t>();
	return sum;
}

void Prestack::flush() const
{
	const Finished finished = cli("flush");
	if (finished.exit_code != 0)
		throw std::runtime_error("prestack flush: " + finished.errors);
}

ExitCode Prestack::stop()
{
	return process_.stop();
}

void Prestack::kill9()
{
	process_.kill();
}

} // namespace prestack::test
