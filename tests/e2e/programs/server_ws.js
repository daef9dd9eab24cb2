// SPDX-License-Identifier: Apache-2.0
// Node's http, or https where CERT and KEY name files, as a WebSocket server by hand: gives each message
// back. Writes `STATUS METHOD` per response and `ENDED MESSAGES_IN MESSAGES_OUT BYTES_IN BYTES_OUT SECONDS`.
"use strict";
const crypto = require("crypto");
const fs = require("fs");
const http = require("http");
const https = require("https");

const log = fs.openSync(process.env.ACCESS_LOG, "a");

function frame(opcode, payload) {
	const size = payload.length;
	let head;
	if (size > 65535) {
		head = Buffer.alloc(10);
		head[1] = 127;
		head.writeBigUInt64BE(BigInt(size), 2);
	} else if (size > 125) {
		head = Buffer.alloc(4);
		head[1] = 126;
		head.writeUInt16BE(size, 2);
	} else {
		head = Buffer.from([0, size]);
	}
	head[0] = 0x80 | opcode;
	return Buffer.concat([head, payload]);
}

// The first frame of the bytes, {opcode, fin, payload, rest}, or null while it is not complete.
function parse(bytes) {
	if (bytes.length < 2)
		return null;
	let size = bytes[1] & 127;
	let at = 2;
	if (size === 126) {
		if (bytes.length < 4)
			return null;
		size = bytes.readUInt16BE(2);
		at = 4;
	} else if (size === 127) {
		if (bytes.length < 10)
			return null;
		size = Number(bytes.readBigUInt64BE(2));
		at = 10;
	}
	if (bytes.length < at + 4 + size)
		return null;
	const mask = bytes.subarray(at, at + 4);
	const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + size));
	for (let i = 0; i < size; i++)
		payload[i] ^= mask[i & 3];
	return { opcode: bytes[0] & 15, fin: bytes[0] >> 7, payload, rest: bytes.subarray(at + 4 + size) };
}

function upgrade(request, socket, head) {
	const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	const accept = crypto.createHash("sha1").update(key).digest("base64");
	const started = process.hrtime.bigint();
	const count = { in: 0, out: 0, bytesIn: 0, bytesOut: 0 };
	let bytes = head;
	let parts = [];
	count.bytesIn += head.length;
	socket.setNoDelay(true);
	socket.write(
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			`Sec-WebSocket-Accept: ${accept}\r\n\r\n`
	);
	fs.writeSync(log, `101 ${request.method}\n`);
	const send = (opcode, payload) => {
		const data = frame(opcode, payload);
		count.bytesOut += data.length;
		socket.write(data);
	};
	const take = ({ opcode, fin, payload }) => {
		if (opcode === 8) {
			send(8, payload.subarray(0, 2));
			socket.end();
		} else if (opcode === 9) {
			send(10, payload);
		} else if (opcode < 8) {
			parts.push(payload);
			if (fin) {
				count.in++;
				count.out++;
				send(2, Buffer.concat(parts));
				parts = [];
			}
		}
	};
	socket.on("data", (data) => {
		count.bytesIn += data.length;
		bytes = Buffer.concat([bytes, data]);
		for (let one = parse(bytes); one; one = parse(bytes)) {
			bytes = one.rest;
			take(one);
		}
	});
	socket.on("end", () => socket.end());
	socket.on("error", () => {});
	socket.on("close", () => {
		const seconds = Number(process.hrtime.bigint() - started) / 1e9;
		const { in: messagesIn, out, bytesIn, bytesOut } = count;
		fs.writeSync(log, `ENDED ${messagesIn} ${out} ${bytesIn} ${bytesOut} ${seconds.toFixed(6)}\n`);
	});
}

function answer(request, response) {
	response.on("finish", () => fs.writeSync(log, `${response.statusCode} ${request.method}\n`));
	response.end("plain\n");
}

const { CERT, KEY } = process.env;
const server = CERT
	? https.createServer({ cert: fs.readFileSync(CERT), key: fs.readFileSync(KEY) }, answer)
	: http.createServer(answer);
server.on("upgrade", upgrade);
server.listen({ port: Number(process.env.PORT), host: "127.0.0.1", backlog: 4096 });
