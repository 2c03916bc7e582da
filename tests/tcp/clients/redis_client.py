#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# usage: redis_client.py HOST PORT: prints what redis-py makes of the replies.
import sys

import redis

client = redis.Redis(sys.argv[1], int(sys.argv[2]), socket_timeout=20)
binary = bytes(range(256)) + b"\r\n$3\r\n"
print(client.set("py-text", "text"), client.set("py-binary", binary))
print(client.mset({"py-%d" % i: "value %d" % i for i in range(10)}))
for _ in range(60):
    print(client.get("py-text"), client.get("py-binary") == binary, client["py-1"])
    print(client.mget(["py-%d" % i for i in range(10)]), client.strlen("py-binary"))
    print(client.exists("py-1", "py-2", "py-absent"), client.mget("py-1", "py-absent"))
    with client.pipeline(transaction=False) as pipeline:
        print(pipeline.get("py-1").get("py-2").get("py-3").execute())
print(client.get("py-absent"), client.append("py-text", " and more"), client.get("py-text"))
print(client.set("py-number", 7), client.incr("py-number", 5), client.get("py-number"))
print(client.expire("py-text", 1000), client.get("py-text"), client.persist("py-text"))
with client.pipeline(transaction=True) as pipeline:
    print(pipeline.get("py-1").set("py-1", "new").get("py-1").execute(), client.get("py-1"))
print(client.eval("return redis.call('SET', KEYS[1], ARGV[1])", 1, "py-2", "new"), client.get("py-2"))
with client.lock("py-lock", timeout=10):
    print(client.exists("py-lock"))
print(client.exists("py-lock"), client.getdel("py-text"), client.get("py-text"))
other = redis.Redis(sys.argv[1], int(sys.argv[2]), db=1, socket_timeout=20)
print(other.get("py-1"), other.set("py-1", "of db 1"), other.get("py-1"), client.get("py-1"))
try:
    client.lpush("py-1", "x")
except redis.ResponseError as error:
    print(error)
with client.pubsub() as listener:
    listener.subscribe("py-channel")
    print(listener.get_message(timeout=20), client.publish("py-channel", "text"))
    print(listener.get_message(timeout=20))
client.close()
