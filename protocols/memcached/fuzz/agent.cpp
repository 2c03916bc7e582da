// SPDX-License-Identifier: GPL-2.0-only
// The agent's decoder: what comes in pieces is read as what comes at once, and nothing is read
// beyond the input.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "../agent.cpp"

namespace
{

using prestack::AgentQuestion;
using prestack::AgentReply;
using Status = AgentReply::Status;

void require(bool condition)
{
	if (!condition)
		abort();
}

void check_alike(const AgentReply &one, const AgentReply &other)
{
	require(one.status == other.status);
	if (one.status == Status::answered) {
		require(one.consumed == other.consumed && one.present == other.present &&
			one.plain == other.plain && one.seconds_left == other.seconds_left &&
			one.flags == other.flags && one.value == other.value &&
			one.repair == other.repair);
	}
}

} // namespace

// The first byte chooses: v asks for the value, r reads the answer to a repair, all else the expiry.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const auto codec = prestack::make_memcached_agent();
	const AgentQuestion question{"key", data[0] == 'v' ? prestack::AgentPurpose::value
							   : prestack::AgentPurpose::expiry};
	const bool repair = data[0] == 'r';
	const auto decode = [&](const uint8_t *from, size_t length) {
		// An allocation of its own: AddressSanitizer sees any access beyond.
		char *copy = static_cast<char *>(malloc(length + 1));
		memcpy(copy, from, length);
		copy = static_cast<char *>(realloc(copy, length == 0 ? 1 : length));
		auto reply = repair ? codec->decode_repair({copy, length})
				    : codec->decode(question, {copy, length});
		if (reply.value) {
			require(reply.value->data() >= copy &&
				reply.value->data() + reply.value->size() + 2 <= copy + length);
			reply.value = std::string_view(reinterpret_cast<const char *>(from) +
							       (reply.value->data() - copy),
						       reply.value->size());
		}
		free(copy);
		return reply;
	};
	++data;
	--size;
	for (;;) {
		const AgentReply whole = decode(data, size);
		for (size_t length = 0; length < size; ++length) {
			const AgentReply part = decode(data, length);
			if (part.status != Status::incomplete)
				check_alike(part, whole);
		}
		if ((whole.status != Status::answered && whole.status != Status::refused) ||
		    whole.consumed > size)
			return 0;
		require(whole.consumed > 0);
		data += whole.consumed;
		size -= whole.consumed;
	}
}
