// SPDX-License-Identifier: GPL-2.0-only
#include "exchange.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "least.skel.h"

namespace prestack::bench
{
namespace
{

constexpr std::uint8_t syn = 2;
constexpr std::uint8_t push = 8;
constexpr std::uint8_t ack = 16;
constexpr unsigned pipeline = 16;
constexpr int pass = 2; // XDP_PASS
constexpr int next = -1; // TCX_NEXT
constexpr std::size_t cache_line = 64;
constexpr std::size_t usual_cache = 1 << 20;

double median(std::vector<std::uint32_t> values)
{
	const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
	std::nth_element(values.begin(), middle, values.end());
	return *middle;
}

bool over_tcp(Passing what)
{
	return what != Passing::udp_miss && what != Passing::neighbour;
}

std::string frame_header(std::uint32_t number)
{
	std::string header("\0\0\0\0\0\1\0\0", 8);
	header[0] = static_cast<char>(number >> 8U);
	header[1] = static_cast<char>(number);
	return header;
}

// As every segment of Linux has: two no-ops, and timestamps.
std::string stamps()
{
	return {"\x01\x01\x08\x0a\0\0\0\x01\0\0\0\x01", 12};
}

std::string set(std::uint32_t number)
{
	return fmt::format("set key-{:012} 0 0 32\r\n{:032}\r\n", number, number);
}

std::string get(std::uint32_t number)
{
	return fmt::format("get key-{:012}\r\n", number);
}

test::DatapathOptions options()
{
	test::DatapathOptions options;
	options.plugin = "memcached";
	options.sets = 32768;
	options.large_sets = 1024;
	options.fences = 65536;
	options.settle = std::chrono::milliseconds(100);
	return options;
}

} // namespace

Exchange::Exchange() : datapath_(options()), least_(least_bpf__open_and_load())
{
	if (!least_) {
		throw std::runtime_error("the programs of least.bpf.c cannot be loaded");
	}
	// The path is proven by a reply.
	datapath_.egress(packet_.reply(frame_header(1) + "END\r\n").bytes());
}

void Exchange::Close::operator()(least_bpf *object) const
{
	least_bpf__destroy(object);
}

void Exchange::work_elsewhere()
{
	for (std::size_t i = 0; i < elsewhere_.size(); i += cache_line) {
		volatile char &byte = elsewhere_[i];
		byte = static_cast<char>(byte + 1);
	}
}

void Exchange::make_cold()
{
	const long size = ::sysconf(_SC_LEVEL2_CACHE_SIZE);
	elsewhere_.resize(size > 0 ? static_cast<std::size_t>(size) : usual_cache);
}

test::Outcome Exchange::arrives(Passing what, const std::string &frame) const
{
	return what == Passing::tcp_pipeline_least
		       ? test::Datapath::run(bpf_program__fd(least_->progs.least_request), frame)
		       : datapath_.ingress(frame);
}

test::Outcome Exchange::leaves(Passing what, const std::string &frame) const
{
	return what == Passing::tcp_pipeline_least
		       ? test::Datapath::run(bpf_program__fd(least_->progs.least_reply), frame)
		       : datapath_.egress(frame);
}

void Exchange::connect()
{
	client_next_ += 1'000'000;
	server_next_ += 1'000'000;
	auto packet = packet_.reply("");
	packet.transport = test::Transport::tcp;
	packet.tcp_sequence = server_next_ - 1;
	packet.tcp_acknowledgement = client_next_;
	packet.tcp_flags = syn | ack;
	datapath_.egress(packet.bytes());
}

std::string Exchange::request(Passing what, std::uint32_t number) const
{
	switch (what) {
	case Passing::neighbour:
	case Passing::udp_miss:
		return frame_header(number) + get(number % keys);
	case Passing::tcp_miss:
		return get(number % keys);
	case Passing::tcp_fill:
		return get(number);
	case Passing::tcp_set:
		return set(number % keys);
	case Passing::tcp_set_cached:
		return set(number);
	case Passing::tcp_pipeline:
	case Passing::tcp_pipeline_least:
		break;
	}
	std::string text;
	for (unsigned i = 0; i < pipeline; ++i) {
		text += set((number * pipeline + i) % keys);
	}
	return text;
}

std::string Exchange::reply(Passing what, std::uint32_t number)
{
	switch (what) {
	case Passing::neighbour:
	case Passing::udp_miss:
		return frame_header(number) + "END\r\n";
	case Passing::tcp_miss:
		return "END\r\n";
	case Passing::tcp_fill:
		return fmt::format("VALUE key-{:012} 0 32\r\n{:032}\r\nEND\r\n", number, number);
	case Passing::tcp_set:
	case Passing::tcp_set_cached:
		return "STORED\r\n";
	case Passing::tcp_pipeline:
	case Passing::tcp_pipeline_least:
		break;
	}
	std::string text;
	for (unsigned i = 0; i < pipeline; ++i) {
		text += "STORED\r\n";
	}
	return text;
}

Exchange::Times Exchange::pass_once(Passing what, std::uint32_t number)
{
	const auto text = request(what, number);
	const auto answer = reply(what, number);
	auto in = packet_;
	in.payload = text;
	auto out = packet_.reply(answer);
	if (what == Passing::neighbour) {
		in.destination_port = out.source_port = 9;
	}
	if (over_tcp(what)) {
		in.transport = out.transport = test::Transport::tcp;
		in.tcp_flags = out.tcp_flags = ack | push;
		in.tcp_options = out.tcp_options = stamps();
		in.tcp_sequence = client_next_;
		in.tcp_acknowledgement = out.tcp_sequence = server_next_;
		client_next_ += static_cast<std::uint32_t>(text.size());
		server_next_ += static_cast<std::uint32_t>(answer.size());
		out.tcp_acknowledgement = client_next_;
	}
	work_elsewhere();
	const auto arrived = arrives(what, in.bytes());
	work_elsewhere();
	const auto left = leaves(what, out.bytes());
	if (arrived.verdict != pass || left.verdict != next) {
		throw std::runtime_error("a packet did not pass");
	}
	return {arrived.nanoseconds, left.nanoseconds};
}

PassCost Exchange::measure_once(Passing what, unsigned times)
{
	std::vector<std::uint32_t> requests;
	std::vector<std::uint32_t> replies;
	std::uint32_t first = 0;
	if (over_tcp(what)) {
		connect();
	}
	const auto before = datapath_.counts();
	if (what == Passing::tcp_fill || what == Passing::tcp_set_cached) {
		first = fresh_;
		fresh_ += times;
	}
	for (std::uint32_t i = 0; what == Passing::tcp_set_cached && i < times; ++i) {
		pass_once(Passing::tcp_fill, first + i);
	}
	for (std::uint32_t i = 0; i < times; ++i) {
		const auto took = pass_once(what, first + i);
		requests.push_back(took.request);
		replies.push_back(took.reply);
	}
	// Flushes, and flows that are not followed, would be another measurement.
	const auto after = datapath_.counts();
	for (const auto counter : {PS_COUNT_flushes, PS_COUNT_flows_lost, PS_COUNT_flows_unknown}) {
		if (after.at(counter) != before.at(counter)) {
			throw std::runtime_error("the packets were not understood: " +
						 test::moved(before, after));
		}
	}
	const auto filled = after.at(PS_COUNT_fills) - before.at(PS_COUNT_fills);
	const auto removed = after.at(PS_COUNT_invalidations) - before.at(PS_COUNT_invalidations);
	if ((first != 0 && filled < times * 9 / 10) ||
	    (what == Passing::tcp_set_cached && removed < times * 9 / 10)) {
		throw std::runtime_error("what should be cached is not: " +
					 test::moved(before, after));
	}
	return {median(std::move(requests)), median(std::move(replies))};
}

void Exchange::measure(Passing what, unsigned times, PassCost &least)
{
	const auto now = measure_once(what, times);
	least.request = std::min(least.request, now.request);
	least.reply = std::min(least.reply, now.reply);
}

} // namespace prestack::bench
