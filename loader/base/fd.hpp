// SPDX-License-Identifier: GPL-2.0-only
// Ownership of a file descriptor.
#pragma once

#include <utility>

#include <unistd.h>

namespace prestack
{

// Closes what it holds; -1 is nothing. For a BPF link, closing the last descriptor detaches.
class UniqueFd
{
public:
	UniqueFd() = default;
	explicit UniqueFd(int fd) : fd_(fd) {}
	UniqueFd(UniqueFd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
	UniqueFd &operator=(UniqueFd &&other) noexcept
	{
		if (this != &other) {
			reset();
			fd_ = std::exchange(other.fd_, -1);
		}
		return *this;
	}
	UniqueFd(const UniqueFd &) = delete;
	UniqueFd &operator=(const UniqueFd &) = delete;
	~UniqueFd() { reset(); }

	[[nodiscard]] int get() const { return fd_; }
	explicit operator bool() const { return fd_ >= 0; }
	void reset()
	{
		if (fd_ >= 0) {
			close(fd_);
			fd_ = -1;
		}
	}

private:
	int fd_ = -1;
};

} // namespace prestack
