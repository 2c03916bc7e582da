// SPDX-License-Identifier: GPL-2.0-only
// What a test may ask of the kernel about a TCP socket besides reading and writing.
#pragma once

#include <cstdint>

namespace prestack::test
{

// Segments with data that were sent, retransmitted ones included.
std::uint32_t data_segments_sent(int fd);

// Before connect(): the handshake's first sequence number; data begins one later.
void choose_first_sequence(int fd, std::uint32_t sequence);

// Of a socket whose first sequence number was chosen: the number of the next byte it sends.
std::uint32_t next_sequence(int fd);

// From now on closing the socket sends nothing: for the peer the connection lives on.
void close_silently_later(int fd);

// From now on closing the socket sends RST.
void close_with_reset_later(int fd);

} // namespace prestack::test
