#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# usage: pymemcache_client.py HOST PORT: prints what pymemcache makes of the replies.
import sys

from pymemcache.client.base import Client

client = Client((sys.argv[1], int(sys.argv[2])), timeout=20, default_noreply=False)
binary = bytes(range(256)) + b"\r\nEND\r\n"
print(client.set("py-text", "text"), client.set("py-binary", binary))
print(client.set_many({"py-%d" % i: "value %d" % i for i in range(10)}))
for _ in range(60):
    print(client.get("py-text"), client.get("py-binary") == binary)
    print(sorted(client.get_many(["py-%d" % i for i in range(10)]).items()))
print(client.get("py-absent"), client.get_many(["py-1", "py-absent"]))
print(client.append("py-text", " and more"), client.get("py-text"))
print(client.set("py-number", "7"), client.get("py-number"))
print(client.incr("py-number", 5), client.get("py-number"))
print(client.touch("py-text", 1000), client.get("py-text"))
print(client.delete("py-text"), client.get("py-text"), client.delete("py-text"))
print(client.set("py-0", "new", noreply=True), client.get("py-0"))
client.quit()
