// SPDX-License-Identifier: GPL-2.0-only
#include "change.hpp"

namespace prestack::test
{

const std::vector<RedisChange> &other_changes()
{
	constexpr bool same = false; // the value stays what it was
	static const std::string geo = "GEOADD {o} 13.36 38.11 Palermo 15.08 37.50 Catania";
	static const std::string sets = "SADD {o} a b; SADD {p} b c";
	static const std::string zsets = "ZADD {o} 1 a 2 b; ZADD {p} 2 b 3 c";
	static const std::string library =
		"FUNCTION LOAD REPLACE '#!lua name=lib\nredis.register_function(\"put\", "
		"function(k, a) return redis.call(\"SET\", k[1], a[1]) end)'";
	static const std::vector<RedisChange> changes{
		{"SortStore", "SORT {o} STORE {k}", "RPUSH {o} 3 1 2"},
		{"SortByStore", "SORT {o} BY nosort LIMIT 0 2 DESC ALPHA STORE {k}",
		 "RPUSH {o} c a b"},
		{"SortStoreNothing", "SORT {o} STORE {k}"},
		{"SortRo", "SORT_RO {o}", "RPUSH {o} 3 1 2", same},
		{"SUnionStore", "SUNIONSTORE {k} {o} {p}", sets},
		{"SInterStore", "SINTERSTORE {k} {o} {p}", sets},
		{"SDiffStore", "SDIFFSTORE {k} {o} {p}", sets},
		{"SInterStoreNothing", "SINTERSTORE {k} {o} {p}"},
		{"ZUnionStore", "ZUNIONSTORE {k} 2 {o} {p} WEIGHTS 2 3", zsets},
		{"ZInterStore", "ZINTERSTORE {k} 2 {o} {p}", zsets},
		{"ZDiffStore", "ZDIFFSTORE {k} 2 {o} {p}", zsets},
		{"ZRangeStore", "ZRANGESTORE {k} {o} 0 -1", zsets},
		{"ZRangeStoreNothing", "ZRANGESTORE {k} {o} 5 6", zsets},
		{"GeoSearchStore", "GEOSEARCHSTORE {k} {o} FROMLONLAT 15 37 BYRADIUS 200 km ASC",
		 geo},
		{"GeoRadiusStore", "GEORADIUS {o} 15 37 200 km STORE {k}", geo},
		{"GeoRadiusStoreDist", "GEORADIUS {o} 15 37 200 km STOREDIST {k}", geo},
		{"GeoRadiusByMemberStore", "GEORADIUSBYMEMBER {o} Palermo 200 km STORE {k}", geo},
		{"GeoRadius", "GEORADIUS {o} 15 37 200 km", geo, same},
		{"FlushDb", "FLUSHDB SYNC"},
		{"FlushDbAsync", "FLUSHDB ASYNC"},
		{"FlushAll", "FLUSHALL SYNC"},
		{"FlushAllAsync", "FLUSHALL ASYNC"},
		{"FlushAllAndSet", "FLUSHALL SYNC; SET {k} new"},
		{"SwapDb", "SWAPDB 0 1"},
		{"SwapDbOfOthers", "SWAPDB 2 3", "", same},
		{"DebugReload", "DEBUG RELOAD", "", same},
		{"Eval", "EVAL 'return redis.call(\"SET\", KEYS[1], \"new\")' 1 {k}"},
		{"EvalOfAnotherKey", "EVAL 'return redis.call(\"DEL\", \"{k}\")' 1 {o}"},
		{"EvalWithoutKeys", "EVAL 'return redis.call(\"APPEND\", \"{k}\", ARGV[1])' 0 x"},
		{"EvalThatFails", "EVAL 'redis.call(\"SET\", KEYS[1], \"new\") return "
				  "redis.call(\"LPOP\", KEYS[1])' "
				  "1 {k}"},
		{"EvalThatReads", "EVAL 'return redis.call(\"GET\", KEYS[1])' 1 {k}", "", same},
		{"EvalRo", "EVAL_RO 'return redis.call(\"GET\", KEYS[1])' 1 {k}", "", same},
		// The hash of the script of "Eval".
		{"EvalSha", "EVALSHA {sha} 1 {k}",
		 "SCRIPT LOAD 'return redis.call(\"SET\", KEYS[1], \"new\")'"},
		{"FCall", "FCALL put 1 {k} new", library},
		{"FunctionFlush", "FUNCTION FLUSH SYNC", "", same},
		{"ScriptFlush", "SCRIPT FLUSH", "", same},
		{"Exec", "MULTI; SET {k} new; EXEC"},
		{"ExecOfSeveral", "MULTI; DEL {k}; SET {o} other; SET {k} new; EXEC"},
		{"ExecOfAScript",
		 "MULTI; EVAL 'return redis.call(\"SET\", \"{k}\", \"new\")' 0; EXEC"},
		{"ExecOfNothing", "MULTI; EXEC", "", same},
		{"ExecRefused", "MULTI; SET {k} new; NOSUCH {k}; EXEC", "", same},
		{"ExecOnlyReads", "MULTI; GET {k}; EXEC", "", same},
		{"Discard", "MULTI; SET {k} new; DISCARD", "", same},
		{"DiscardAndSet", "MULTI; SET {k} newer; DISCARD; SET {k} new"},
		{"WatchAndExec", "WATCH {k}; GET {k}; MULTI; SET {k} new; EXEC"},
		{"WatchThatFails", "WATCH {k}; SET {k} new; MULTI; SET {k} newer; EXEC"},
		{"ResetInMulti", "MULTI; SET {k} new; RESET", "", same},
		{"ResetAndSet", "MULTI; SET {k} newer; RESET; SET {k} new"},
		{"OtherDb", "SELECT 1; SET {k} new", "", same},
		{"OtherDbAndBack", "SELECT 1; SELECT 0; SET {k} new"},
		{"SameDb", "SELECT 0; SET {k} new"},
		{"OtherDbFlush", "SELECT 1; FLUSHDB SYNC", "", same},
		{"OtherDbFlushAll", "SELECT 1; FLUSHALL SYNC"},
		{"OtherDbSwap", "SELECT 1; SET {k} new; SWAPDB 0 1"},
		{"OtherDbMove", "DEL {k}; SELECT 1; SET {k} new; MOVE {k} 0"},
		{"OtherDbCopy", "SELECT 1; SET {k} new; COPY {k} {k} DB 0 REPLACE"},
		{"OtherDbScript",
		 "SELECT 1; EVAL 'redis.call(\"SELECT\", 0) return redis.call(\"SET\", KEYS[1], "
		 "\"new\")' 1 {k}"},
		{"Hello3AndSet", "HELLO 3; SET {k} new"},
		{"SetNameAndSet", "CLIENT SETNAME somebody; SET {k} new"},
		{"Unknown", "NOSUCH {k}", "", same},
		{"UnknownAndSet", "NOSUCH {k} a b c; SET {k} new"},
		{"NoArguments", "DEL; GET; SET {k} new"},
		{"ReadAndSet",
		 "GET {k}; MGET {k} {o}; STRLEN {k}; EXISTS {k}; SET {k} new; GET {k}"},
	};
	return changes;
}

} // namespace prestack::test
