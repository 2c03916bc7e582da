// SPDX-License-Identifier: GPL-2.0-only
// A real redis-server of the test's own, and connections to it as bytes: without a network, on a socket in a
// temporary directory.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace prestack::redis
{

inline constexpr std::chrono::seconds patience{20};

// Bytes to the server and back.
class Connection
{
public:
	explicit Connection(const std::string &path) : fd_(socket(AF_UNIX, SOCK_STREAM, 0))
	{
		sockaddr_un address{};
		address.sun_family = AF_UNIX;
		path.copy(address.sun_path, sizeof(address.sun_path) - 1);
		if (connect(fd_, reinterpret_cast<const sockaddr *>(&address), sizeof(address)) !=
		    0) {
			close(fd_);
			throw std::runtime_error("no connection to " + path);
		}
	}
	Connection(const Connection &) = delete;
	Connection &operator=(const Connection &) = delete;
	~Connection() { close(fd_); }

	void send(const std::string &text) const
	{
		for (std::size_t at = 0; at < text.size();) {
			const auto n =
				::send(fd_, text.data() + at, text.size() - at, MSG_NOSIGNAL);
			if (n <= 0)
				return; // closed: what the server said before is still to be read
			at += static_cast<std::size_t>(n);
		}
	}
	// What has come by now, at least a byte; "": the server has closed. Throws if nothing comes.
	std::string receive() const
	{
		pollfd ready{fd_, POLLIN, 0};
		if (poll(&ready, 1,
			 static_cast<int>(std::chrono::milliseconds(patience).count())) != 1)
			throw std::runtime_error("redis-server does not answer");
		char bytes[65'536];
		const auto n = recv(fd_, bytes, sizeof(bytes), 0);
		return n > 0 ? std::string(bytes, static_cast<std::size_t>(n)) : "";
	}
	// Nothing more is sent.
	void finish() const { shutdown(fd_, SHUT_WR); }
	// Up to and with `end`, or to the server's end.
	std::string receive_until(const std::string &end) const
	{
		std::string all;
		while (!all.ends_with(end)) {
			const std::string more = receive();
			if (more.empty())
				break;
			all += more;
		}
		return all;
	}

private:
	int fd_;
};

class Server
{
public:
	// Throws if there is none that answers.
	Server()
	{
		char pattern[] = "/tmp/prestack-redis-XXXXXX";
		if (mkdtemp(pattern) == nullptr)
			throw std::runtime_error("no temporary directory");
		directory_ = pattern;
		pid_ = fork();
		if (pid_ == 0) {
			const int null = open("/dev/null", O_WRONLY);
			dup2(null, STDOUT_FILENO);
			execlp("redis-server", "redis-server", "--port", "0", "--unixsocket",
			       path().c_str(), "--dir", directory_.c_str(), "--save", "",
			       "--enable-debug-command", "yes", nullptr);
			_exit(127);
		}
		const auto deadline = std::chrono::steady_clock::now() + patience;
		for (;;) {
			try {
				const Connection connection(path());
				return;
			} catch (const std::runtime_error &) {
			}
			if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
				pid_ = -1;
				break;
			}
			if (std::chrono::steady_clock::now() > deadline)
				break;
			std::this_thread::sleep_for(std::chrono::milliseconds(5));
		}
		stop();
		throw std::runtime_error("redis-server (package redis-server) does not start");
	}
	Server(const Server &) = delete;
	Server &operator=(const Server &) = delete;
	~Server() { stop(); }

	std::string path() const { return directory_ + "/socket"; }

private:
	void stop() const
	{
		if (pid_ > 0) {
			kill(pid_, SIGKILL);
			waitpid(pid_, nullptr, 0);
		}
		std::error_code ignored;
		std::filesystem::remove_all(directory_, ignored);
	}

	std::string directory_;
	pid_t pid_ = -1;
};

// Tests that skip, with the reason, where there is no server.
class RedisServer : public testing::Test
{
protected:
	static void SetUpTestSuite()
	{
		try {
			server_ = std::make_unique<Server>();
		} catch (const std::runtime_error &error) {
			reason_ = error.what();
		}
	}
	static void TearDownTestSuite() { server_.reset(); }
	void SetUp() override
	{
		if (!server_)
			GTEST_SKIP() << reason_;
	}
	static std::unique_ptr<Connection> connect()
	{
		return std::make_unique<Connection>(server_->path());
	}

private:
	inline static std::unique_ptr<Server> server_;
	inline static std::string reason_;
};

} // namespace prestack::redis
