// SPDX-License-Identifier: Apache-2.0
/*
 * The render threads run the handlers that are not quick: one thread those of
 * this machine's own pages, a few more those that wait for others.
 */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/scope.h"
#include "http/server_internal.h"

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
	if (!response__has_room(request)) {
		response__refuse(reply, &server->refused_memory,
				 "slow clients hold all response memory");
		return false;
	}
	return true;
}

static struct http_request *request_of(struct turn *turn)
{
	return (struct http_request *)((char *)turn - offsetof(struct http_request, turn));
}

static struct http_request *next_of(const struct http_request *request)
{
	return request->turn.next ? request_of(request->turn.next) : NULL;
}

/* Whether the page that is wanted as the one is right for the other too. */
static bool wants_same(const struct turn *turn, const void *as)
{
	const struct http_request *request = request_of((struct turn *)turn), *other = as;

	return request->state == REQUEST_RENDERING && request->route == other->route &&
	       request->variant == other->variant && !strcmp(request->path, other->path) &&
	       scope__is_same(http_request__scope(request), http_request__scope(other));
}

static void answer(struct http_request *request, struct http_reply *reply)
{
	request->response = response__make(request, reply, &request->status);
}

/*
 * Answers those to whom a rendering is of no use. Returns in whose name it is done, NULL: in
 * nobody's. That is who holds the least memory, so that none is refused for another's share.
 */
static struct http_request *sort_out(struct http_request *list)
{
	struct http_request *first = NULL;
	bool takes_gzip = false;
	uint64_t until_ns = 0;

	for (struct http_request *request = list; request; request = next_of(request)) {
		struct http_reply reply = {};

		request->is_answered = !worth_it(request, &reply);
		if (request->is_answered) {
			answer(request, &reply);
			continue;
		}
		if (!first || atomic_load(&request->owner->response_bytes) <
				      atomic_load(&first->owner->response_bytes))
			first = request;
		until_ns = request->deadline_ns > until_ns ? request->deadline_ns : until_ns;
		takes_gzip |= response__accepts_gzip(request);
	}
	if (first) {
		first->render_until_ns = until_ns;
		first->is_for_plain = !takes_gzip;
	}
	return first;
}

/* Answers with a reply, unless that has come too late. */
static void deliver(struct http_request *request, struct http_reply *reply, int err)
{
	if (err == 0 && !request->route->slow && clock__now_ns() >= request->deadline_ns)
		response__refuse(reply, &request->server->refused_late,
				 "the scrape timeout passed while rendering");
	answer(request, reply);
}

/* Answers with what was rendered for another, or why it was not. */
static void deliver_copy(struct http_request *request, const struct http_reply *reply, int err)
{
	struct http_reply copy = {};

	if (err >= 0) {
		int share_err = response__share(&copy, request, reply);

		err = share_err ? share_err : err;
	}
	if (err < 0)
		response__fail(request, err, &copy);
	deliver(request, &copy, err);
}

/* Renders once for all of the list, who want the same. */
static void render(struct http_request *list)
{
	struct http_request *first = sort_out(list);
	struct http_reply reply = {};
	uint64_t others = 0;
	int err;

	if (!first)
		return;
	err = response__run(first, first->route->handle, &reply);
	if (list->turn.next && err >= 0)
		response__pack(first, &reply);
	for (struct http_request *request = list; request; request = next_of(request)) {
		if (request == first || request->is_answered)
			continue;
		deliver_copy(request, &reply, err);
		others++;
	}
	deliver(first, &reply, err);
	atomic_fetch_add(&first->server->renderings, 1);
	atomic_fetch_add(&first->server->shared, others);
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

static void work(struct http_request *list)
{
	if (list->state == REQUEST_CHECKING)
		check(list);
	else
		render(list);
}

static void *run(void *arg)
{
	struct render_queue *queue = arg;
	struct turn *turn, *next;
	struct line *line;

	pthread_setname_np(pthread_self(), queue->name);
	pthread_mutex_lock(&queue->lock);
	for (;;) {
		turn = turns__next(&queue->turns, &line);
		if (!turn && queue->stopping)
			break;
		if (!turn) {
			pthread_cond_wait(&queue->wake, &queue->lock);
			continue;
		}
		/* When stopping, whoever still waits is let go unanswered. */
		if (!queue->stopping) {
			if (request_of(turn)->variant)
				turn->next =
					turns__take(&queue->turns, wants_same, request_of(turn));
			pthread_mutex_unlock(&queue->lock);
			work(request_of(turn));
			pthread_mutex_lock(&queue->lock);
		}
		turns__end(&queue->turns, line);
		/* From here on the requests are the network thread's again. */
		for (; turn; turn = next) {
			next = turn->next;
			MHD_resume_connection(request_of(turn)->connection);
		}
		/* Another thread may have waited for this owner to have one less. */
		if (queue->turns.waiting)
			pthread_cond_signal(&queue->wake);
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

	queue->turns.workers = threads;
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
	queue->turns.workers = UINT32_MAX; /* nobody waits any more */
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
	} else {
		err = turns__wait(&queue->turns, &request->owner->line[queue->line], &request->turn,
				  request->client->is_scraper || request->holder);
	}
	if (!err) {
		/* Under the lock, as a thread may resume it at once. */
		MHD_suspend_connection(request->connection);
		request->state = state;
		pthread_cond_signal(&queue->wake);
	}
	pthread_mutex_unlock(&queue->lock);
	return err;
}
