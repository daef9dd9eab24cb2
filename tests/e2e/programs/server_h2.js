// SPDX-License-Identifier: Apache-2.0
// Node's http2, over TLS where CERT and KEY name files (HTTP/1.1 too): /status/N -> N, /large, /slow,
// /trailers, /early (103 before), /events (server-sent events: five, 40 ms apart), /rows/N (N writes at once),
// else 200 or, to POST, 201.
"use strict";
const fs = require("fs");
const http2 = require("http2");

const log = fs.openSync(process.env.ACCESS_LOG, "a");
let lines = "";

function flush() {
	if (lines) {
		fs.writeSync(log, lines);
		lines = "";
	}
}
setInterval(flush, 50);

function events(response) {
	let left = 5;
	response.writeHead(200, { "content-type": "text/event-stream" });
	const tick = () => {
		response.write(`data: ${left}\n\n`);
		if (--left)
			setTimeout(tick, 40);
		else
			response.end();
	};
	tick();
}

function answer(request, response) {
	const started = process.hrtime.bigint();
	response.on("finish", () => {
		const seconds = Number(process.hrtime.bigint() - started) / 1e9;
		lines += `${response.statusCode} ${request.method} ${seconds.toFixed(6)}\n`;
	});
	request.on("end", () => {
		const path = request.url;
		if (path.startsWith("/status/")) {
			response.writeHead(Number(path.slice(8)));
			response.end();
		} else if (path === "/large") {
			response.end("l".repeat(300000));
		} else if (path === "/slow") {
			setTimeout(() => response.end("late\n"), 120);
		} else if (path === "/trailers") {
			response.writeHead(200);
			response.write("t".repeat(20));
			response.addTrailers({ "x-checksum": "abc" });
			response.end();
		} else if (path === "/early") {
			response.writeEarlyHints({ link: "</style.css>; rel=preload; as=style" });
			response.end("after\n");
		} else if (path.startsWith("/rows/")) {
			for (let i = Number(path.slice(6)); i; i--)
				response.write(`row ${i}\n`);
			response.end();
		} else if (path === "/events") {
			events(response);
		} else {
			response.writeHead(request.method === "POST" ? 201 : 200);
			response.end("n".repeat(64));
		}
	});
	request.resume();
}

const { CERT, KEY } = process.env;
const settings = { maxConcurrentStreams: 1000 };
const server = CERT
	? http2.createSecureServer(
			{ allowHTTP1: true, cert: fs.readFileSync(CERT), key: fs.readFileSync(KEY), settings },
			answer
		)
	: http2.createServer({ settings }, answer);
server.listen({ port: Number(process.env.PORT), host: "127.0.0.1", backlog: 4096 });
