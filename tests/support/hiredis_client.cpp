// SPDX-License-Identifier: GPL-2.0-only
#include "hiredis_client.hpp"

#include <hiredis/hiredis.h>

#include <stdexcept>

#include "process.hpp"
#include "text_protocol.hpp"

namespace prestack::test
{

namespace
{

constexpr timeval patience{10, 0};

std::string text_of(const redisReply &reply)
{
	const std::string_view bytes(reply.str != nullptr ? reply.str : "",
				     reply.str != nullptr ? static_cast<std::size_t>(reply.len)
							  : 0);
	switch (reply.type) {
	case REDIS_REPLY_STRING:
		return "\"" + printable(bytes, bytes.size()) + "\"";
	case REDIS_REPLY_STATUS:
		return std::string(bytes);
	case REDIS_REPLY_ERROR:
		return "error: " + std::string(bytes);
	case REDIS_REPLY_INTEGER:
		return std::to_string(reply.integer);
	case REDIS_REPLY_NIL:
		return "nil";
	case REDIS_REPLY_ARRAY: {
		std::string all;
		for (std::size_t i = 0; i < reply.elements; ++i)
			all += (all.empty() ? "" : ", ") + text_of(*reply.element[i]);
		return "[" + all + "]";
	}
	default:
		return "type " + std::to_string(reply.type);
	}
}

} // namespace

void HiredisClient::Free::operator()(redisContext *context) const
{
	::redisFree(context);
}

HiredisClient::HiredisClient(const Netns &ns, const std::string &address, std::uint16_t port)
	: context_(
		  ns.in([&] { return ::redisConnectWithTimeout(address.c_str(), port, patience); }))
{
	if (!context_ || context_->err != 0) {
		throw std::runtime_error("hiredis does not connect: " +
					 std::string(context_ ? context_->errstr : "no memory"));
	}
	::redisSetTimeout(context_.get(), patience);
}

void HiredisClient::append(const std::vector<std::string> &words)
{
	std::vector<const char *> parts;
	std::vector<std::size_t> sizes;
	for (const std::string &word : words) {
		parts.push_back(word.data());
		sizes.push_back(word.size());
	}
	::redisAppendCommandArgv(context_.get(), static_cast<int>(parts.size()), parts.data(),
				 sizes.data());
}

std::string HiredisClient::reply()
{
	void *raw = nullptr;
	if (::redisGetReply(context_.get(), &raw) != REDIS_OK)
		throw std::runtime_error(std::string("hiredis: ") + context_->errstr);
	const std::unique_ptr<void, decltype(&::freeReplyObject)> owner(raw, ::freeReplyObject);
	return text_of(*static_cast<const redisReply *>(raw));
}

std::string HiredisClient::ask(const std::vector<std::string> &words)
{
	append(words);
	return reply();
}

std::string HiredisClient::ask(const std::string &line)
{
	return ask(words(line));
}

std::vector<std::string>
HiredisClient::pipeline(const std::vector<std::vector<std::string>> &commands)
{
	for (const auto &command : commands)
		append(command);
	std::vector<std::string> replies;
	for (std::size_t i = 0; i < commands.size(); ++i)
		replies.push_back(reply());
	return replies;
}

} // namespace prestack::test
