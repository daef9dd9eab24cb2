// SPDX-License-Identifier: Apache-2.0
/*
 * The render threads run the handlers that are not quick: one thread those of
 * this machine's own pages, a few more those that wait for others.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "clock.h"
#include "http/internal.h"

/* A reset or fully closed connection; a client that only sent its FIN still reads. */
static bool client_gone(const struct client *client)
{
	struct pollfd pfd = { .fd = client->fd };

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & (POLLHUP | POLLERR));
}

/* Gone, or has sent its FIN, which is all that is seen of a process that has ended. */
static bool client_leaves(const struct client *client)
{
	struct pollfd pfd = { .fd = client->fd, .events = POLLRDHUP };

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

bool http_request__is_moot(const struct http_request *request)
{
	return atomic_load(&render_queue__of(request)->stopping) || client_leaves(request->client);
}

/* Whether there is any point in rendering; if not, the reply says why. */
static bool worth_it(const struct http_request *request, struct http_reply *reply)
{
	struct http_server *server = request->server;

	if (clock__now_ns() >= request->deadline_ns) {
		response__refuse(reply, &server->refused_late,
				 "the scrape timeout passed while waiting");
		return false;
	}
	if (client_gone(request->client)) {
		response__refuse(reply, &server->abandoned, "the client has gone");
		return false;
	}
	if (atomic_load(&server->response_bytes) >= server->options.max_response_bytes) {
		response__refuse(reply, &server->refused_memory,
				 "slow clients hold all response memory");
		return false;
	}
	return true;
}

static void render(struct http_request *request)
{
	struct http_reply reply = {};

	if (worth_it(request, &reply) &&
	    response__run(request, request->route->handle, &reply) == 0 && !request->route->slow &&
	    clock__now_ns() >= request->deadline_ns)
		response__refuse(&reply, &request->server->refused_late,
				 "the scrape timeout passed while rendering");
	request->response = response__make(request, &reply, &request->status);
}

/* Whether there is still any point in it is the same question. */
static void check(struct http_request *request)
{
	const struct http_server_options *options = &request->server->options;

	if (client_gone(request->client))
		return;
	options->check(options->before_ctx, request);
	request->was_checked = true;
}

static struct http_request *pop(struct render_queue *queue)
{
	struct http_request *request = queue->head;

	queue->head = request->next;
	if (!queue->head)
		queue->tail = &queue->head;
	queue->waiting--;
	return request;
}

static void *run(void *arg)
{
	struct render_queue *queue = arg;
	struct http_request *request;

	pthread_setname_np(pthread_self(), queue->name);
	pthread_mutex_lock(&queue->lock);
	for (;;) {
		while (!queue->head && !queue->stopping)
			pthread_cond_wait(&queue->wake, &queue->lock);
		if (!queue->head)
			break;
		request = pop(queue);
		/* When stopping, whoever still waits is let go unanswered. */
		if (!queue->stopping) {
			pthread_mutex_unlock(&queue->lock);
			if (request->state == REQUEST_CHECKING)
				check(request);
			else
				render(request);
			pthread_mutex_lock(&queue->lock);
		}
		/* From here on the request is the network thread's again. */
		MHD_resume_connection(request->connection);
	}
	pthread_mutex_unlock(&queue->lock);
	return NULL;
}

struct render_queue *render_queue__of(const struct http_request *request)
{
	struct http_server *server = request->server;

	return request->route && request->route->slow ? &server->slow : &server->queue;
}

int render_queue__start(struct render_queue *queue, uint32_t threads)
{
	int err = 0;

	queue->tail = &queue->head;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->wake, NULL);
	while (!err && queue->thread_count < threads && queue->thread_count < RENDER_THREADS_MAX) {
		err = pthread_create(&queue->threads[queue->thread_count], NULL, run, queue);
		queue->thread_count += !err;
	}
	if (!err)
		return 0;
	render_queue__stop(queue);
	render_queue__destroy(queue);
	return -err;
}

void render_queue__destroy(struct render_queue *queue)
{
	if (!queue->name)
		return;
	pthread_cond_destroy(&queue->wake);
	pthread_mutex_destroy(&queue->lock);
	queue->name = NULL;
}

void render_queue__stop(struct render_queue *queue)
{
	if (!queue->thread_count)
		return;
	pthread_mutex_lock(&queue->lock);
	atomic_store(&queue->stopping, true);
	pthread_cond_broadcast(&queue->wake);
	pthread_mutex_unlock(&queue->lock);
	for (uint32_t i = 0; i < queue->thread_count; i++)
		pthread_join(queue->threads[i], NULL);
	queue->thread_count = 0;
}

int render_queue__push(struct render_queue *queue, struct http_request *request,
		       enum request_state state)
{
	int err = 0;

	pthread_mutex_lock(&queue->lock);
	if (queue->stopping) {
		err = -ESHUTDOWN;
	} else if (queue->waiting >= queue->max_waiting) {
		err = -EBUSY;
	} else {
		/* Suspended first: the render thread may resume it at once. */
		MHD_suspend_connection(request->connection);
		request->state = state;
		request->next = NULL;
		*queue->tail = request;
		queue->tail = &request->next;
		queue->waiting++;
		pthread_cond_signal(&queue->wake);
	}
	pthread_mutex_unlock(&queue->lock);
	return err;
}
