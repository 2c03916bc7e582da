// SPDX-License-Identifier: GPL-2.0-only
// usage: node_client.js HOST PORT: prints what the npm packages memcached (text protocol) and memjs
// (binary protocol) make of the replies. NODE_PATH tells where they are.
'use strict';
const util = require('util');
const Memcached = require('memcached');
const memjs = require('memjs');

const server = `${process.argv[2]}:${process.argv[3]}`;
const binary = Buffer.from([...Array(256).keys()]);

async function text() {
	const client = new Memcached(server, { poolSize: 1, timeout: 20000, retries: 0 });
	const call = (name, ...words) => util.promisify(client[name].bind(client))(...words);
	const keys = [...Array(10).keys()].map((i) => `node-${i}`);
	console.log(await call('set', 'node-text', 'text', 0), await call('set', 'node-binary', binary, 0));
	for (const key of keys)
		await call('set', key, `value of ${key}`, 0);
	for (let round = 0; round < 60; ++round) {
		console.log(await call('get', 'node-text'), binary.equals(await call('get', 'node-binary')));
		const many = await call('getMulti', keys);
		console.log(keys.map((key) => many[key]).join());
	}
	console.log(await call('get', 'node-absent'));
	console.log(await call('append', 'node-text', ' and more'), await call('get', 'node-text'));
	console.log(await call('del', 'node-text'), await call('get', 'node-text'));
	client.end();
}

async function binaryProtocol() {
	const client = memjs.Client.create(server, { timeout: 20, conntimeout: 20 });
	console.log(await client.set('memjs', binary, {}));
	for (let round = 0; round < 20; ++round)
		console.log(binary.equals((await client.get('memjs')).value));
	console.log((await client.get('node-absent')).value, await client.delete('memjs'));
	client.close();
}

text().then(binaryProtocol).catch((error) => {
	console.error(error);
	process.exit(1);
});
