// SPDX-License-Identifier: GPL-2.0-only
// usage: ioredis_client.js HOST PORT: prints what the npm package ioredis makes of the replies. NODE_PATH
// tells where it is.
'use strict';
const Redis = require('ioredis');

const binary = Buffer.from([...Array(256).keys()]);

async function session() {
	const client = new Redis({ host: process.argv[2], port: Number(process.argv[3]), connectTimeout: 20000 });
	const keys = [...Array(10).keys()].map((i) => `io-${i}`);
	console.log(await client.set('io-text', 'text'), await client.set('io-binary', binary));
	for (const key of keys)
		await client.set(key, `value of ${key}`);
	for (let round = 0; round < 60; ++round) {
		console.log(await client.get('io-text'), binary.equals(await client.getBuffer('io-binary')));
		console.log((await client.mget(keys)).join(), await client.strlen('io-text'));
		console.log((await Promise.all(keys.map((key) => client.get(key)))).join());
		console.log(JSON.stringify(await client.pipeline().get('io-1').get('io-absent').get('io-2').exec()));
	}
	console.log(await client.get('io-absent'), await client.append('io-text', ' and more'), await client.get('io-text'));
	console.log(JSON.stringify(await client.multi().set('io-1', 'new').get('io-1').exec()), await client.get('io-1'));
	console.log(await client.eval("return redis.call('DEL', KEYS[1])", 1, 'io-2'), await client.get('io-2'));
	console.log(await client.del('io-text'), await client.get('io-text'));
	await client.quit();
}

session().catch((error) => {
	console.error(error);
	process.exit(1);
});
