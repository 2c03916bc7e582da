// SPDX-License-Identifier: GPL-2.0-only
#include "udp_flow.hpp"

#include <cstring>
#include <string_view>

#include <netinet/udp.h>

namespace prestack::load
{
namespace
{

// No room, or a server that was not there a moment ago: the next round tries again.
bool is_passing(int errnum)
{
	return errnum == EAGAIN || errnum == ENOBUFS || errnum == ECONNREFUSED;
}

} // namespace

UdpFlow::UdpFlow(const Options &options, Workload &workload)
	: workload_(workload), timeout_(options.timeout), window_(options.window),
	  socket_(options.server, options.port, SOCK_DGRAM | SOCK_NONBLOCK),
	  buffers_(std::make_unique<Buffers>())
{
	Buffers &b = *buffers_;
	for (std::size_t i = 0; i < max_window; ++i) {
		b.request_vector[i] = {b.request[i].data(), 0};
		b.reply_vector[i] = {b.reply[i].data(), reply_room};
		b.request_header[i] = {};
		b.request_header[i].msg_hdr.msg_iov = &b.request_vector[i];
		b.request_header[i].msg_hdr.msg_iovlen = 1;
		b.reply_header[i] = {};
		b.reply_header[i].msg_hdr.msg_iov = &b.reply_vector[i];
		b.reply_header[i].msg_hdr.msg_iovlen = 1;
	}
	const auto [least, most] = options.key_size;
	const int size = static_cast<int>(frame_size + request_text + least);
	segmented_ = options.segment && least == most &&
		     setsockopt(socket_.fd(), SOL_UDP, UDP_SEGMENT, &size, sizeof size) == 0;
}

void UdpFlow::prepare(unsigned slot, unsigned place, std::uint32_t key)
{
	Slot &s = slots_[slot];
	const auto text = workload_.key(key);
	char *out = buffers_->request[place].data();
	s.key = key;
	s.least = workload_.stored(key);
	s.id = static_cast<std::uint16_t>((s.id & ~(max_window - 1)) + max_window + slot);
	// Request id, datagram 0 of 1, reserved: big endian.
	const std::array<unsigned char, frame_size> frame{static_cast<unsigned char>(s.id >> 8),
							  static_cast<unsigned char>(s.id),
							  0,
							  0,
							  0,
							  1,
							  0,
							  0};
	std::memcpy(out, frame.data(), frame_size);
	std::memcpy(out + frame_size, "get ", 4);
	std::memcpy(out + frame_size + 4, text.data(), text.size());
	std::memcpy(out + frame_size + 4 + text.size(), "\r\n", 2);
	buffers_->request_vector[place].iov_len = frame_size + request_text + text.size();
}

unsigned UdpFlow::send(unsigned most, Random &random, Tally &tally)
{
	std::array<std::uint8_t, max_window> chosen{};
	unsigned count = 0;
	for (unsigned slot = 0; slot < window_ && count < most; ++slot) {
		if (!slots_[slot].busy) {
			prepare(slot, count, workload_.popularity().choose(random));
			chosen[count++] = static_cast<std::uint8_t>(slot);
		}
	}
	if (count == 0) {
		return 0;
	}
	const auto now = Clock::now();
	const auto sent = segmented_ ? send_segmented(count) : send_each(count);
	for (unsigned i = 0; i < sent; ++i) {
		slots_[chosen[i]].busy = true;
		slots_[chosen[i]].sent = now;
	}
	outstanding_ += sent;
	tally.requests += sent;
	return sent;
}

unsigned UdpFlow::send_each(unsigned count) const
{
	const int done = sendmmsg(socket_.fd(), buffers_->request_header.data(), count, 0);
	if (done < 0 && !is_passing(errno)) {
		throw_errno("send datagrams");
	}
	return done < 0 ? 0 : static_cast<unsigned>(done);
}

unsigned UdpFlow::send_segmented(unsigned count) const
{
	msghdr message{};
	message.msg_iov = buffers_->request_vector.data();
	message.msg_iovlen = count;
	const auto done = sendmsg(socket_.fd(), &message, 0);
	if (done < 0 && !is_passing(errno)) {
		throw_errno("send a batch of datagrams");
	}
	return done < 0 ? 0 : count;
}

unsigned UdpFlow::receive(Tally &tally)
{
	unsigned count = 0;
	for (;;) {
		const int got = recvmmsg(socket_.fd(), buffers_->reply_header.data(), max_window,
					 MSG_DONTWAIT, nullptr);
		if (got < 0) {
			if (errno == EAGAIN || errno == ECONNREFUSED || errno == EINTR) {
				return count;
			}
			throw_errno("receive datagrams");
		}
		const auto now = Clock::now();
		for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
			check_reply(buffers_->reply[i].data(), buffers_->reply_header[i].msg_len,
				    now, tally);
		}
		count += static_cast<unsigned>(got);
		if (static_cast<unsigned>(got) < max_window) {
			return count;
		}
	}
}

void UdpFlow::check_reply(const char *data, std::size_t size, Clock::time_point now, Tally &tally)
{
	const auto byte = [data](std::size_t i) { return static_cast<unsigned char>(data[i]); };
	if (size < frame_size) {
		++tally.wrong;
		return;
	}
	const auto id = static_cast<std::uint16_t>(byte(0) << 8 | byte(1));
	const unsigned slot = id & (max_window - 1);
	Slot &s = slots_[slot];
	if (slot >= window_ || !s.busy || s.id != id) {
		++tally.late;
		return;
	}
	s.busy = false;
	--outstanding_;
	const bool one_of_one = byte(2) == 0 && byte(3) == 0 && byte(4) == 0 && byte(5) == 1;
	switch (one_of_one ? workload_.check_reply({data + frame_size, size - frame_size}, s.key,
						   s.least)
			   : Answer::wrong) {
	case Answer::right:
		++tally.right;
		tally.latency.add(
			static_cast<std::uint64_t>(std::chrono::nanoseconds(now - s.sent).count()));
		return;
	case Answer::absent:
		++tally.absent;
		return;
	case Answer::stale:
		++tally.stale;
		return;
	case Answer::wrong:
		++tally.wrong;
		return;
	}
}

void UdpFlow::expire(Clock::time_point now, Tally &tally)
{
	for (Slot &s : slots_) {
		if (s.busy && now - s.sent > timeout_) {
			s.busy = false;
			--outstanding_;
			++tally.lost;
		}
	}
}

} // namespace prestack::load
