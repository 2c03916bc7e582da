// SPDX-License-Identifier: GPL-2.0-only
#include "change.hpp"

#include <algorithm>

namespace prestack::test
{

namespace
{

std::string replace_all(std::string text, std::string_view from, std::string_view to)
{
	for (auto at = text.find(from); at != std::string::npos;
	     at = text.find(from, at + to.size())) {
		text.replace(at, from.size(), to);
	}
	return text;
}

std::string base64(std::string_view bytes)
{
	static constexpr char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	std::string out;
	for (std::size_t at = 0; at < bytes.size(); at += 3) {
		unsigned word = 0;
		for (std::size_t index = at; index < at + 3; ++index) {
			word = word << 8 |
			       (index < bytes.size() ? static_cast<unsigned char>(bytes[index])
						     : 0);
		}
		for (unsigned place = 0; place < 4; ++place) {
			const bool used = at + place <= bytes.size();
			out += used ? alphabet[word >> (18 - 6 * place) & 63] : '=';
		}
	}
	return out;
}

// Length of everything up to the reply to `mn`.
std::size_t text_length_up_to_mn(std::string_view stream)
{
	std::size_t length = 0;
	for (;;) {
		const std::string_view rest = stream.substr(length);
		const std::size_t one = reply_length(rest);
		if (one == 0)
			return 0;
		length += one;
		if (rest.starts_with("MN\r\n"))
			return length;
	}
}

} // namespace

std::string Change::bytes(std::string_view key, std::string_view unique) const
{
	if (!is_binary()) {
		std::string command = replace_all(text, "{k}", key);
		command = replace_all(command, "{b}", base64(key));
		return replace_all(command, "{c}", unique);
	}
	std::string frames;
	for (const Binary &each : binary) {
		frames += binary_request(each.opcode, each.with_key ? key : "", each.extras,
					 each.value,
					 each.with_unique ? std::stoull(std::string(unique)) : 0);
	}
	return frames;
}

bool Change::needs_unique() const
{
	return text.find("{c}") != std::string::npos ||
	       std::ranges::any_of(binary, &Binary::with_unique);
}

std::string Change::sync() const
{
	return is_binary() ? binary_request(Opcode::noop, "") : "mn\r\n";
}

std::string Change::receive(TcpClient &client) const
{
	if (is_binary()) {
		return replies == 0 ? client.receive(1, binary_length_up_to_noop)
				    : client.receive(replies, binary_reply_length);
	}
	return replies == 0 ? client.receive(1, text_length_up_to_mn) : client.receive(replies);
}

std::vector<Change> every_change()
{
	std::vector<Change> all = text_changes();
	all.insert(all.end(), meta_changes().begin(), meta_changes().end());
	all.insert(all.end(), binary_changes().begin(), binary_changes().end());
	return all;
}

} // namespace prestack::test
