// SPDX-License-Identifier: GPL-2.0-only
#include "process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <sstream>

#include "system_error.hpp"

namespace prestack::test
{

namespace
{

// A file without a name: nothing to clean up, and it can be read while the child still writes.
UniqueFd anonymous_file(const char *name)
{
	return UniqueFd(check(::memfd_create(name, MFD_CLOEXEC), "memfd_create"));
}

std::string contents(int fd)
{
	std::string text;
	char buffer[4096];
	for (;;) {
		const ssize_t count =
			::pread(fd, buffer, sizeof(buffer), static_cast<off_t>(text.size()));
		if (count <= 0)
			return text;
		text.append(buffer, static_cast<size_t>(count));
	}
}

ExitCode exit_code_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// Runs in the forked child: async-signal-safe calls only.
[[noreturn]] void become(char *const *argv, char *const *envp, int netns_fd, int out, int err)
{
	::prctl(PR_SET_PDEATHSIG, SIGKILL);
	::dup2(out, STDOUT_FILENO);
	::dup2(err, STDERR_FILENO);
	const int null = ::open("/dev/null", O_RDONLY);
	if (null >= 0)
		::dup2(null, STDIN_FILENO);
	const char *failed = "setns";
	if (netns_fd < 0 || ::setns(netns_fd, CLONE_NEWNET) == 0) {
		failed = "exec";
		::execvpe(argv[0], argv, envp);
	}
	const char *reason = ::strerrordesc_np(errno);
	const char *const parts[] = {argv[0], ": ", failed, ": ", reason, "\n"};
	for (const char *part : parts) {
		if (::write(STDERR_FILENO, part, ::strlen(part)) < 0)
			break;
	}
	::_exit(127);
}

std::vector<char *> pointers(std::vector<std::string> &strings)
{
	std::vector<char *> result;
	result.reserve(strings.size() + 1);
	for (std::string &each : strings)
		result.push_back(each.data());
	result.push_back(nullptr);
	return result;
}

} // namespace

Process Process::spawn(const ProcessOptions &options)
{
	// Everything that allocates happens before the fork.
	std::vector<std::string> arguments = options.argv;
	std::vector<std::string> variables;
	for (char **each = environ; *each != nullptr; ++each)
		variables.emplace_back(*each);
	variables.insert(variables.end(), options.environment.begin(), options.environment.end());
	const std::vector<char *> argv = pointers(arguments);
	const std::vector<char *> envp = pointers(variables);

	Process process;
	process.stdout_ = anonymous_file("stdout");
	process.stderr_ = anonymous_file("stderr");
	process.pid_ = check(::fork(), "fork");
	if (process.pid_ == 0) {
		become(argv.data(), envp.data(), options.netns_fd, process.stdout_.get(),
		       process.stderr_.get());
	}
	process.pidfd_ = UniqueFd(
		static_cast<int>(check(::syscall(SYS_pidfd_open, process.pid_, 0), "pidfd_open")));
	return process;
}

Process &Process::operator=(Process &&other) noexcept
{
	if (this != &other) {
		if (pid_ > 0)
			kill();
		pid_ = std::exchange(other.pid_, -1);
		pidfd_ = std::move(other.pidfd_);
		stdout_ = std::move(other.stdout_);
		stderr_ = std::move(other.stderr_);
		exit_code_ = std::exchange(other.exit_code_, std::nullopt);
	}
	return *this;
}

Process::~Process()
{
	if (pidfd_)
		kill();
}

bool Process::running()
{
	return pidfd_ && !wait(Milliseconds{0}).has_value();
}

std::optional<ExitCode> Process::wait(Milliseconds patience)
{
	if (exit_code_ || !pidfd_)
		return exit_code_;
	pollfd ready{pidfd_.get(), POLLIN, 0};
	const auto deadline = Clock::now() + patience;
	int count = 0;
	do {
		count = ::poll(&ready, 1, remaining_ms(deadline));
	} while (count < 0 && errno == EINTR);
	if (count <= 0)
		return std::nullopt;
	int status = 0;
	check(::waitpid(pid_, &status, 0), "waitpid");
	exit_code_ = exit_code_of(status);
	return exit_code_;
}

void Process::signal(int number)
{
	if (pidfd_ && !exit_code_) {
		::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
	}
}

ExitCode Process::stop(Milliseconds grace)
{
	signal(SIGTERM);
	if (const auto code = wait(grace))
		return *code;
	return kill();
}

ExitCode Process::kill()
{
	signal(SIGKILL);
	return wait().value_or(-1);
}

std::string Process::output() const
{
	return stdout_ ? contents(stdout_.get()) : std::string();
}
std::string Process::errors() const
{
	return stderr_ ? contents(stderr_.get()) : std::string();
}

Finished run(const ProcessOptions &options, Milliseconds patience)
{
	Process process = Process::spawn(options);
	const auto code = process.wait(patience);
	if (!code)
		throw std::runtime_error("did not end in time: " + options.argv[0]);
	return {*code, process.output(), process.errors()};
}

Finished run_ok(const ProcessOptions &options, Milliseconds patience)
{
	Finished finished = run(options, patience);
	if (finished.exit_code != 0) {
		std::string line;
		for (const std::string &word : options.argv)
			line += word + " ";
		throw std::runtime_error(line + "exited with " +
					 std::to_string(finished.exit_code) + ": " +
					 finished.errors + finished.output);
	}
	return finished;
}

std::vector<std::string> words(const std::string &line)
{
	std::istringstream stream(line);
	std::vector<std::string> result;
	for (std::string word; stream >> word;)
		result.push_back(word);
	return result;
}

} // namespace prestack::test
