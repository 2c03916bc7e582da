// SPDX-License-Identifier: GPL-2.0-only
#include "config/config.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <net/if.h>
#include <prestack/types.h>
#include <toml++/toml.h>

#include "base/text.hpp"
#include "config/config_log.hpp"
#include "config/config_reader.hpp"
#include "config/config_service.hpp"
#include "config/geometry.hpp"

namespace prestack
{
namespace
{

using namespace std::chrono_literals;

constexpr std::uint32_t least_flows = 16;
constexpr std::uint32_t most_flows = 1 << 20;
constexpr std::uint32_t most_audit_rate = 1000;
constexpr std::uint32_t most_warm_rate = 10000;
constexpr double least_share = 0.05;
constexpr double most_share = 0.95;
constexpr std::uint64_t most_memory = std::uint64_t{1} << 40;

bool is_interface_name(std::string_view name)
{
	return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
	       std::ranges::none_of(name, [](unsigned char c) {
		       return c == '/' || c == ':' || std::isspace(c) != 0;
	       });
}

void read_interfaces(TableReader &root, Config &config)
{
	const auto names =
		root.strings("interfaces", "list the interfaces that requests arrive on, "
					   "for example interfaces = [\"eth0\"]");
	for (const auto &[name, position] : names.value_or(std::vector<StringValue>{})) {
		if (is_interface_name(name)) {
			config.interfaces.push_back({name, position});
		} else {
			root.error(
				position, "interfaces",
				fmt::format("names \"{}\", which cannot be an interface", name),
				fmt::format(
					"a name has 1..{} characters and no space, slash or colon",
					IFNAMSIZ - 1));
		}
	}
}

void read_xdp_mode(TableReader &root, Config &config)
{
	const auto mode = root.string("xdp_mode", toml_string(to_string(config.xdp_mode)));
	if (!mode) {
		return;
	}
	for (const auto candidate : {XdpMode::native, XdpMode::generic, XdpMode::automatic}) {
		if (mode->text == to_string(candidate)) {
			config.xdp_mode = candidate;
			return;
		}
	}
	root.error(mode->position, "xdp_mode", fmt::format("is \"{}\"", mode->text),
		   "write \"native\", \"generic\" or \"auto\" (native where the driver can, else "
		   "generic)");
}

void read_memory(TableReader &table, CacheConfig &cache)
{
	cache.memory_position = table.position("memory");
	const auto *node = table.find("memory", toml_string(format_size(cache.memory)));
	if (!node) {
		return;
	}
	std::uint64_t bytes = 0;
	if (const auto *number = node->as_integer()) {
		bytes = number->get() < 0 ? 0 : static_cast<std::uint64_t>(number->get());
	} else if (const auto *text = node->as_string()) {
		const auto size = parse_size(text->get());
		if (!size) {
			table.error(cache.memory_position, "memory",
				    fmt::format("\"{}\" {}", text->get(), size.error()));
			return;
		}
		bytes = *size;
	} else {
		table.error(cache.memory_position, "memory",
			    "is neither a string nor a number of bytes",
			    "write for example \"64MiB\"");
		return;
	}
	if (bytes > most_memory) {
		table.error(cache.memory_position, "memory",
			    fmt::format("is more than {}", format_size(most_memory)));
		return;
	}
	cache.memory = bytes;
}

void read_associativity(TableReader &table, CacheConfig &cache)
{
	const auto ways =
		table.integer("associativity", std::to_string(cache.associativity), 1, PS_MAX_WAYS);
	if (!ways) {
		return;
	}
	if ((*ways & (*ways - 1)) != 0) {
		table.error(table.position("associativity"), "associativity",
			    fmt::format("is {}", *ways), "write 1 (direct-mapped), 2, 4, 8 or 16");
		return;
	}
	cache.associativity = static_cast<std::uint32_t>(*ways);
}

void read_number(TableReader &table, std::string_view key, std::uint32_t least, std::uint32_t most,
		 std::uint32_t &out)
{
	if (const auto number = table.integer(key, std::to_string(out), least, most)) {
		out = static_cast<std::uint32_t>(*number);
	}
}

struct DurationLimits {
	std::chrono::nanoseconds least;
	std::chrono::nanoseconds most;
};
constexpr DurationLimits settle_limits{1ms, 60s};
constexpr DurationLimits drain_limits{0s, 3600s};

void read_duration(TableReader &table, std::string_view key, const DurationLimits &limits,
		   std::chrono::nanoseconds &out)
{
	const auto text = table.string(key, toml_string(format_duration(out)));
	if (!text) {
		return;
	}
	const auto duration = parse_duration(text->text);
	if (!duration) {
		table.error(text->position, key,
			    fmt::format("\"{}\" {}", text->text, duration.error()));
	} else if (*duration < limits.least || *duration > limits.most) {
		table.error(text->position, key,
			    fmt::format("is \"{}\", which is not in {}..{}", text->text,
					format_duration(limits.least),
					format_duration(limits.most)));
	} else {
		out = *duration;
	}
}

void read_cache_keys(TableReader &table, CacheConfig &cache)
{
	read_memory(table, cache);
	read_associativity(table, cache);
	read_number(table, "max_key", 1, PS_MAX_KEY, cache.max_key);
	read_number(table, "max_value", 1, PS_MAX_VALUE, cache.max_value);
	cache.flows_position = table.position("flows");
	read_number(table, "flows", least_flows, most_flows, cache.flows);
	read_number(table, "audit_rate", 0, most_audit_rate, cache.audit_rate);
	read_number(table, "warm_rate", 0, most_warm_rate, cache.warm_rate);
	read_duration(table, "settle", settle_limits, cache.settle);
	cache.small_share = table.number("small_share", fmt::format("{}", cache.small_share),
					 least_share, most_share)
				    .value_or(cache.small_share);
	table.finish();
}

void read_cache(TableReader &root, Config &config, ReadReport &report)
{
	CacheConfig &cache = config.cache;
	cache.position = root.position("cache");
	cache.memory_position = cache.position;
	cache.flows_position = cache.position;
	if (const auto *node = root.subtable("cache")) {
		const auto *table_node = node->as_table();
		if (!table_node) {
			root.error(cache.position, "cache", "is not a table",
				   "write [cache] on a line of its own");
			return;
		}
		TableReader table(*table_node, {"cache.", "cache."}, cache.position, report);
		read_cache_keys(table, cache);
	}
	if (const auto geometry = plan_geometry(cache); !geometry) {
		const auto least_kib = (geometry.error() + 1023) / 1024;
		report.add_error(
			cache.memory_position, "cache.memory",
			fmt::format("{} is too little for associativity {}, max_key {} and "
				    "max_value {}",
				    format_size(cache.memory), cache.associativity, cache.max_key,
				    cache.max_value),
			fmt::format("the least that works is \"{}KiB\"", least_kib));
	}
}

void read_services(TableReader &root, Config &config, std::span<const std::string_view> protocols,
		   ReadReport &report)
{
	constexpr std::string_view mend = "describe at least one server in a [[service]] table";
	const auto *node = root.subtable("service");
	if (!node) {
		root.error(root.position("service"), "service", "is missing", std::string(mend));
		return;
	}
	const auto *list = node->as_array();
	if (!list || (!list->empty() && !list->is_array_of_tables())) {
		root.error(root.position("service"), "service", "is not a list of tables",
			   "write [[service]], with two brackets, above each service");
		return;
	}
	if (list->empty()) {
		root.error(root.position("service"), "service", "is empty", std::string(mend));
		return;
	}
	std::size_t index = 0;
	for (const auto &element : *list) {
		TableReader table(*element.as_table(),
				  {"service.", fmt::format("service[{}].", index)},
				  position_of(element.source()), report);
		config.services.push_back(
			read_service(table, position_of(element.source()), protocols));
		++index;
	}
	check_services(config, root.position("service"), report);
}

void read_document(const toml::table &document, Config &config,
		   std::span<const std::string_view> protocols, ReadReport &report)
{
	TableReader root(document, {}, {1, 1}, report);
	read_interfaces(root, config);
	read_xdp_mode(root, config);
	read_duration(root, "drain_timeout", drain_limits, config.drain_timeout);
	read_cache(root, config, report);
	read_log(root, config, report);
	read_services(root, config, protocols, report);
	root.finish();
}

} // namespace

std::string_view to_string(XdpMode mode)
{
	switch (mode) {
	case XdpMode::native:
		return "native";
	case XdpMode::generic:
		return "generic";
	case XdpMode::automatic:
		return "auto";
	}
	return "";
}

std::string Config::where(Position position) const
{
	return fmt::format("{}:{}:{}", path.string(), position.line, position.column);
}

Error config_error(std::string where, Position position, std::string object, std::string problem,
		   std::string mend)
{
	Error error;
	error.kind = ErrorKind::config;
	error.where = std::move(where);
	error.object = std::move(object);
	error.operation = std::move(problem);
	error.mend = std::move(mend);
	error.line = position.line;
	error.column = position.column;
	return error;
}

Error Config::error_at(Position position, std::string object, std::string problem,
		       std::string mend) const
{
	return config_error(where(position), position, std::move(object), std::move(problem),
			    std::move(mend));
}

MultiResult<Config> parse_config(std::string_view text, const std::filesystem::path &path,
				 std::span<const std::string_view> protocols)
{
	ReadReport report(path.string());
	Config config;
	config.path = path;
	try {
		read_document(toml::parse(text, path.string()), config, protocols, report);
	} catch (const toml::parse_error &problem) {
		report.add_error(position_of(problem.source()), "",
				 fmt::format("not valid TOML: {}", problem.description()));
	}
	if (report.has_errors()) {
		return tl::unexpected(report.take_errors());
	}
	config.values = report.take_values();
	return config;
}

// The reader looks for every key of a table that is there, so it is given one of each. What it says about
// the keys that are missing in them does not matter.
std::vector<ConfigKey> config_keys()
{
	toml::table document;
	document.insert("cache", toml::table());
	document.insert("log", toml::table());
	document.insert("service", toml::array(toml::table()));
	ReadReport report("");
	Config ignored;
	read_document(document, ignored, {}, report);
	return report.take_keys();
}

MultiResult<Config> load_config(const std::filesystem::path &path,
				std::span<const std::string_view> protocols)
{
	const auto unreadable = [&path](int errnum) {
		Error error;
		error.kind = ErrorKind::config;
		error.object = path.string();
		error.operation = "read the configuration";
		error.errnum = errnum;
		return tl::unexpected(Errors{std::move(error)});
	};
	// Opening a directory succeeds, and only reading it then throws.
	std::error_code ignored;
	if (std::filesystem::is_directory(path, ignored)) {
		return unreadable(EISDIR);
	}
	errno = 0;
	std::ifstream file(path, std::ios::binary);
	if (!file) {
		return unreadable(errno != 0 ? errno : EIO);
	}
	const std::string text{std::istreambuf_iterator<char>(file), {}};
	return parse_config(text, path, protocols);
}

} // namespace prestack
