// SPDX-License-Identifier: GPL-2.0-only
#include "tcp_options.hpp"

#include <linux/tcp.h> // not netinet/tcp.h, whose tcp_info is an old one
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

#include "system_error.hpp"

namespace prestack::test
{

namespace
{

void set(int fd, int option, int value, const char *name)
{
	check(::setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value)), name);
}

} // namespace

std::uint32_t data_segments_sent(int fd)
{
	tcp_info info{};
	socklen_t size = sizeof(info);
	check(::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), "TCP_INFO");
	if (size < offsetof(tcp_info, tcpi_data_segs_out) + sizeof(info.tcpi_data_segs_out))
		throw std::runtime_error("TCP_INFO does not count segments");
	return info.tcpi_data_segs_out;
}

// A socket that is "repaired" before it connects takes the number that it is given; connect() keeps it.
void choose_first_sequence(int fd, std::uint32_t sequence)
{
	set(fd, TCP_REPAIR, TCP_REPAIR_ON, "TCP_REPAIR");
	set(fd, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE, "TCP_REPAIR_QUEUE");
	set(fd, TCP_QUEUE_SEQ, static_cast<int>(sequence), "TCP_QUEUE_SEQ");
	set(fd, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP, "TCP_REPAIR");
}

std::uint32_t next_sequence(int fd)
{
	std::uint32_t sequence = 0;
	socklen_t size = sizeof(sequence);
	check(::getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &sequence, &size), "TCP_QUEUE_SEQ");
	return sequence;
}

void close_silently_later(int fd)
{
	set(fd, TCP_REPAIR, TCP_REPAIR_ON, "TCP_REPAIR");
}

void close_with_reset_later(int fd)
{
	const linger at_once{1, 0};
	check(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), "SO_LINGER");
}

} // namespace prestack::test
