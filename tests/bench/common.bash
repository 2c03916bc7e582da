# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For the scripts of this folder, which source it: servers that are loaded in turns, each in a network
# namespace of its own, joined by a veth pair to its client's, and alone, with empty programs at its interface, or
# with prestack; and the CPU time that the server's host spends.
#
# That is the time of the server's threads, and of the kernel thread that does all receiving of the server's
# interface ("threaded NAPI"): else the kernel does that in whose time it pleases, on veth mostly in the
# sender's. prestack's own process is told apart. All of these share the first CPU, the clients have the last
# one. Time is from /proc/PID/schedstat, in nanoseconds. The interfaces have GRO (as NICs have; on veth it also
# means NAPI), and the client's end sends frames as they are on a wire (no TSO, no GSO). All sides exist at the
# same time and take turns of a fraction of a second, so that what else the machine does meets all alike.
#
# With threaded_napi=0 receiving is done in whose time it pleases, as on veth by default: for requests per second
# and latencies, to which waking a thread for each packet adds more than the packet costs.

protocol=${protocol:-memcached} # or redis
address=10.0.0.1 port=11211 # as in examples/memcached.toml and redis.toml
[[ $protocol != redis ]] || port=6379
bin=build/release
server_threads=${server_threads:-1} # memcached's workers, Redis' io-threads
threaded_napi=${threaded_napi:-1}
server_cpu=0 client_cpu=$(($(nproc) - 1))
declare -A server_ns=() client_ns=() server_pid=() beside_pid=() napi_pids=()
work=$(mktemp -d) || exit 1
# shellcheck disable=SC2034 # for those that source this
load_average=$(cut -d' ' -f1 /proc/loadavg)
# What is measured goes before other work on this machine; the kernel leaves that one share in twenty.
first=(chrt --fifo 1)
"${first[@]}" true 2>/dev/null || first=()
# Without threads of their own to receive, the kernel's ksoftirqd does it, which would come after all of that.
[[ $threaded_napi -eq 1 ]] || first=()

stop_process() {
	[[ -n $1 ]] || return 0
	kill -TERM "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

cleanup() {
	trap '' INT TERM
	local side
	for side in "${!server_ns[@]}"; do
		stop_process "${beside_pid[$side]:-}"
		stop_process "${server_pid[$side]:-}"
		ip netns del "${server_ns[$side]}" 2>/dev/null
		ip netns del "${client_ns[$side]}" 2>/dev/null
	done
	[[ -z ${stats_before:-} ]] || sysctl -qw kernel.bpf_stats_enabled="$stats_before"
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

die() {
	echo "$0: $*" >&2
	exit 1
}

# wait_for TRIES COMMAND...
wait_for() {
	local i tries=$1
	shift
	for ((i = 0; i < tries; i++)); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.1
	done
	return 1
}

in_server() { ip netns exec "${server_ns[$1]}" "${@:2}"; }
in_client() { ip netns exec "${client_ns[$1]}" "${@:2}"; }

# pin_receiver INTERFACE CPU: the kernel's threads that receive for it, on this CPU. Prints them.
pin_receiver() {
	local comm pid name
	for comm in /proc/[0-9]*/comm; do
		{ read -r name <"$comm"; } 2>/dev/null || continue
		[[ $name == napi/"$1"-* ]] || continue
		pid=${comm#/proc/}
		pid=${pid%/comm}
		[[ ${#first[@]} -eq 0 ]] || chrt --fifo --pid 1 "$pid" || return 1
		taskset -pc "$2" "$pid" >/dev/null && echo "$pid"
	done
}

# make_network SIDE INTERFACE PEER
make_network() {
	local side=$1 interface=$2 peer=$3
	ip netns add "${server_ns[$side]}" && ip netns add "${client_ns[$side]}" &&
		ip -n "${server_ns[$side]}" link add "$interface" type veth \
			peer name "$peer" netns "${client_ns[$side]}" &&
		ip -n "${server_ns[$side]}" addr add "$address/24" dev "$interface" &&
		ip -n "${client_ns[$side]}" addr add 10.0.0.2/24 dev "$peer" &&
		in_server "$side" ethtool -K "$interface" gro on &&
		in_client "$side" ethtool -K "$peer" gro on tso off gso off &&
		in_client "$side" "$bin/tests/prestack-veth-peer" "$peer" &&
		ip -n "${server_ns[$side]}" link set lo up && ip -n "${server_ns[$side]}" link set "$interface" up &&
		ip -n "${client_ns[$side]}" link set lo up && ip -n "${client_ns[$side]}" link set "$peer" up &&
		in_server "$side" sh -c "echo $threaded_napi >/sys/class/net/$interface/threaded" &&
		in_client "$side" sh -c "echo $threaded_napi >/sys/class/net/$peer/threaded"
}

listens() { in_server "$1" ss -Hltn "sport = :$port" | grep -q .; }
served() { "$bin/prestack" status --name "bench-$$"; }
# shellcheck disable=SC2317 # for those that source this
stats() { "$bin/prestack" stats --json --name "bench-$$"; }

# start_side plain|empty|least|prestack: a server alone, with programs at its interface that do nothing, or the
# least (load/peer/follower.bpf.c), or with prestack.
start_side() {
	local side=$1 interface=ps${1:0:2}$$ peer=pc${1:0:2}$$ # kernel threads are called after them
	server_ns[$side]=prestack-bench-$side-$$ client_ns[$side]=prestack-bench-$side-client-$$
	make_network "$side" "$interface" "$peer" || die "cannot make the network namespaces"
	# Not through a function: that would make $! a shell's number.
	local command=(memcached -u nobody -l "$address" -p "$port" -U "$port" -m 256 -t "$server_threads" -c 4096)
	[[ $protocol != redis ]] || command=(redis-server --bind "$address" --port "$port" --protected-mode no --save ''
		--appendonly no --io-threads "$server_threads" --io-threads-do-reads yes --dir "$work")
	# Redis' threads wait for each other by spinning: with one CPU, and before all other work, for ever.
	local where=("${first[@]}" taskset -c "$server_cpu")
	[[ $protocol != redis || $server_threads -eq 1 ]] || where=()
	ip netns exec "${server_ns[$side]}" "${where[@]}" "${command[@]}" \
		>"$work/$side.log" 2>&1 </dev/null &
	server_pid[$side]=$!
	wait_for 50 listens "$side" || die "$protocol does not listen: $(cat "$work/$side.log")"
	case $side in
	empty | least)
		local programs=--tc
		[[ $side == empty ]] || programs=--least
		ip netns exec "${server_ns[$side]}" "$bin/tests/prestack-veth-peer" $programs "$interface" \
			>"$work/$side-peer.log" 2>&1 </dev/null &
		beside_pid[$side]=$!
		wait_for 50 grep -q ready "$work/$side-peer.log" || die "$(cat "$work/$side-peer.log")"
		;;
	prestack)
		sed "s/veth0/$interface/" "examples/$protocol.toml" >"$work/config.toml"
		ip netns exec "${server_ns[$side]}" taskset -c "$server_cpu" "$bin/prestack" run \
			--config "$work/config.toml" --name "bench-$$" >"$work/prestack.log" 2>&1 </dev/null &
		beside_pid[$side]=$!
		wait_for 100 served || die "prestack does not serve: $(tail -n 5 "$work/prestack.log")"
		;;
	esac
	[[ $threaded_napi -eq 1 ]] || return 0
	napi_pids[$side]=$(pin_receiver "$interface" "$server_cpu")
	[[ -n ${napi_pids[$side]} && -n $(pin_receiver "$peer" "$client_cpu") ]] ||
		die "no kernel thread receives for the interfaces (threaded NAPI)"
}

# threads_ns PID...: CPU time so far, of all their threads.
threads_ns() {
	local pid
	for pid in "$@"; do cat /proc/"$pid"/task/*/schedstat 2>/dev/null; done |
		awk '{ ns += $1 } END { printf "%.0f\n", ns }'
}

# server_time SIDE: "server kernel prestack", CPU time so far, ns.
server_time() {
	# shellcheck disable=SC2086 # a list
	echo "$(threads_ns "${server_pid[$1]}") $(threads_ns ${napi_pids[$1]:-})" \
		"$([[ $1 == prestack ]] && threads_ns "${beside_pid[$1]}" || echo 0)"
}

# From here on the programs' own time is counted, which makes them slower.
time_programs() {
	stats_before=$(sysctl -n kernel.bpf_stats_enabled) || die "no BPF statistics here"
	sysctl -qw kernel.bpf_stats_enabled=1 || die "cannot switch on BPF statistics"
}

# Run time and runs of the two programs that each packet begins with; what they tail-call is in it.
program_time() {
	sed -n 's/^prog_id:[[:space:]]*//p' /proc/"${beside_pid[prestack]}"/fdinfo/* 2>/dev/null | sort -u |
		while IFS= read -r id; do
			bpftool -j prog show id "$id"
		done | jq -rs 'map(select(.name == "ps_xdp" or .name == "ps_tc_egress")) |
			"\(map(.run_time_ns // 0) | add // 0) \(map(.run_cnt // 0) | add // 0)"'
}

# Requests that the programs of side `least` have read.
# shellcheck disable=SC2317 # for those that source this
follower_read() {
	sed -n 's/^map_id:[[:space:]]*//p' /proc/"${beside_pid[least]}"/fdinfo/* 2>/dev/null | sort -u |
		while IFS= read -r id; do
			[[ $(bpftool -j map show id "$id" | jq -r .name) != follow_flows ]] || bpftool -j map dump id "$id"
		done | jq '[.[].formatted.value.read] | add // 0'
}

# load SIDE OPTION...: the load generator's last line.
load() {
	in_client "$1" "${first[@]}" taskset -c "$client_cpu" "$bin/tests/prestack-load" \
		--protocol "$protocol" --server "$address" --port "$port" \
		"${@:2}" 2>>"$work/load.log" | tail -n 1
}

[[ $(id -u) -eq 0 ]] || die "run as root"
[[ -x $bin/prestack && -x $bin/tests/prestack-load ]] || die "build first: cmake --build --preset release --target prestack_demo"
