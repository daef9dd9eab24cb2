// SPDX-License-Identifier: Apache-2.0
// Node's http module, or https where CERT and KEY name files: GET / -> 200, /chunked, /rows/N (a stream of N rows), /writes/N, /empty (204), /missing (404), /error (500), /slow, POST -> 201.
"use strict";
const fs = require("fs");
const http = require("http");
const https = require("https");
const { Readable } = require("stream");

const log = fs.openSync(process.env.ACCESS_LOG, "a");
let lines = "";

function flush() {
	if (lines) {
		fs.writeSync(log, lines);
		lines = "";
	}
}
setInterval(flush, 50);

function* rows(n) {
	for (let i = 0; i < n; i++)
		yield `row ${i}\n`;
}

function answer(request, response) {
	response.on("finish", () => {
		lines += `${response.statusCode} ${request.method}\n`;
	});
	request.on("end", () => {
		const path = request.url;
		if (path === "/chunked") {
			response.write("a".repeat(10));
			response.write("b".repeat(20000));
			response.end();
		} else if (path.startsWith("/rows/")) {
			Readable.from(rows(+path.slice(6))).pipe(response);
		} else if (path.startsWith("/writes/")) {
			for (let i = +path.slice(8); i > 0; i--)
				response.write("w");
			response.end();
		} else if (path === "/empty") {
			response.writeHead(204);
			response.end();
		} else if (path === "/missing" || path === "/error") {
			response.writeHead(path === "/error" ? 500 : 404);
			response.end("no\n");
		} else if (path === "/slow") {
			setTimeout(() => response.end("late\n"), 120);
		} else {
			const body = "n".repeat(64);
			response.writeHead(request.method === "POST" ? 201 : 200, { "Content-Length": 64 });
			response.end(body);
		}
	});
	request.resume();
}

const { CERT, KEY } = process.env;
const server = CERT
	? https.createServer({ cert: fs.readFileSync(CERT), key: fs.readFileSync(KEY) }, answer)
	: http.createServer(answer);
server.keepAliveTimeout = 60000;
server.listen({ port: Number(process.env.PORT), host: "127.0.0.1", backlog: 4096 });
