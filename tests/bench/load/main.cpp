// SPDX-License-Identifier: GPL-2.0-only
// prestack-load: see --help.
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>

#include "options.hpp"
#include "stream_worker.hpp"
#include "worker.hpp"
#include "workload.hpp"

namespace prestack::load
{
namespace
{

using nlohmann::ordered_json;

double rounded(double value)
{
	return static_cast<double>(static_cast<std::int64_t>(value * 1000 + 0.5)) / 1000;
}

ordered_json describe(const Tally &tally, double seconds)
{
	const auto microseconds = [&tally](double share) {
		return rounded(static_cast<double>(tally.latency.quantile(share)) / 1000);
	};
	const auto answered = tally.right + tally.absent + tally.stale + tally.wrong;
	return {{"requests", tally.requests},
		{"answered", answered},
		{"answered_per_second", rounded(static_cast<double>(answered) / seconds)},
		{"right", tally.right},
		{"absent", tally.absent},
		{"stale", tally.stale},
		{"wrong", tally.wrong},
		{"lost", tally.lost},
		{"late", tally.late},
		{"sets", tally.sets},
		{"latency_us",
		 {{"p50", microseconds(0.5)},
		  {"p90", microseconds(0.9)},
		  {"p99", microseconds(0.99)},
		  {"p999", microseconds(0.999)}}}};
}

void print(const ordered_json &line)
{
	fmt::print("{}\n", line.dump());
	std::fflush(stdout);
}

// CPU time of this process, in seconds; what the kernel does in our name while it sends is in it.
double cpu_seconds()
{
	rusage usage{};
	getrusage(RUSAGE_SELF, &usage);
	const auto seconds = [](const timeval &time) {
		return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
	};
	return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Threads that run workers; joined, whatever happens.
class Crew
{
public:
	Crew(const Options &options, Workload &workload)
	{
		std::vector<std::unique_ptr<Runner>> workers;
		for (unsigned i = 0; i < options.threads; ++i) {
			if (options.tcp) {
				workers.push_back(
					std::make_unique<StreamWorker>(options, workload, i));
			} else {
				workers.push_back(std::make_unique<Worker>(options, workload, i));
			}
		}
		for (auto &worker : workers) {
			threads_.emplace_back([this, owned = std::move(worker)] { run(*owned); });
		}
	}
	Crew(const Crew &) = delete;
	Crew &operator=(const Crew &) = delete;
	~Crew() { stop(); }

	// Returns early if a worker failed.
	void wait_until(Clock::time_point when)
	{
		std::unique_lock lock(mutex_);
		failed_.wait_until(lock, when, [this] { return problem_ != nullptr; });
	}
	[[nodiscard]] bool failed()
	{
		const std::lock_guard lock(mutex_);
		return problem_ != nullptr;
	}
	void stop()
	{
		stop_ = true;
		for (auto &thread : threads_) {
			if (thread.joinable()) {
				thread.join();
			}
		}
	}
	void rethrow() const
	{
		if (problem_) {
			std::rethrow_exception(problem_);
		}
	}
	Board &board() { return board_; }

private:
	void run(Runner &worker)
	{
		try {
			worker.run(stop_, board_);
		} catch (...) {
			const std::lock_guard lock(mutex_);
			problem_ = std::current_exception();
			failed_.notify_all();
		}
	}

	std::atomic<bool> stop_{false};
	Board board_;
	std::mutex mutex_;
	std::condition_variable failed_;
	std::exception_ptr problem_;
	std::vector<std::thread> threads_;
};

int run(const Options &options)
{
	Workload workload(options);
	if (options.preload) {
		preload(options, workload);
	}
	Tally total;
	Crew crew(options, workload);
	const auto start = Clock::now();
	const auto cpu_before = cpu_seconds();
	const auto end = start + std::chrono::duration_cast<Clock::duration>(
					 std::chrono::duration<double>(options.seconds));
	auto before = start;
	for (int second = 1; before < end && !crew.failed(); ++second) {
		crew.wait_until(std::min(end, start + std::chrono::seconds(second)));
		const auto now = Clock::now();
		const auto tally = crew.board().take();
		ordered_json line{{"second", second}};
		line.update(describe(tally, std::chrono::duration<double>(now - before).count()));
		print(line);
		total.merge(tally);
		before = now;
	}
	const std::chrono::duration<double> took = before - start;
	crew.stop();
	crew.rethrow();
	total.merge(crew.board().take());
	ordered_json line{{"total", describe(total, took.count())}};
	line["total"]["seconds"] = rounded(took.count());
	line["total"]["cpu_seconds"] = rounded(cpu_seconds() - cpu_before);
	print(line);

	if (total.right + (options.read_share > 0 ? 0 : total.sets) == 0) {
		fmt::print(stderr, "prestack-load: no right answer at all\n");
		return 1;
	}
	const auto wrong = total.wrong + total.stale + (options.absent_is_wrong ? total.absent : 0);
	if (wrong != 0) {
		fmt::print(stderr, "prestack-load: {} answers were not right\n", wrong);
	}
	return wrong == 0 ? 0 : 1;
}

} // namespace
} // namespace prestack::load

int main(int argc, char **argv)
{
	try {
		const auto parsed = prestack::load::parse_options(argc, argv);
		return parsed.exit_code >= 0 ? parsed.exit_code
					     : prestack::load::run(parsed.options);
	} catch (const std::exception &problem) {
		std::fprintf(stderr, "prestack-load: %s\n", problem.what());
		return 1;
	}
}
