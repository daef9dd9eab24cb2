// SPDX-License-Identifier: Apache-2.0
/*
 * Each runtime has one function that returns whether it knows the container.
 * Files come first where the path leaves the runtime open: they cost
 * microseconds, a socket may cost all the time there is.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "files/whole_file.h"
#include "identity/cri.h"
#include "identity/process.h"
#include "identity/runtime_api.h"
#include "identity/runtime_lookup.h"
#include "identity/runtime_places.h"

/* A daemon that takes so long, whatever it says in the end, is left alone for a while. */
#define SOCKET_SLOW_NS (100 * 1000000ull)
#define SOCKET_PAUSE_NS (10 * 1000000000ull)
#define FILE_PATH_BYTES 2048

struct socket_place {
	char path[RUNTIME_PLACE_BYTES];
	uint64_t paused_until_ns;
	bool failed; /* at the last time, and it was said */
};

struct sockets {
	size_t count;
	struct socket_place place[RUNTIME_PLACES_MAX];
};

struct runtime_lookup {
	struct sockets docker;
	struct sockets podman;
	struct sockets containerd;
	struct runtime_places containerd_state;
	struct runtime_places storage;
	struct runtime_places storage_list; /* directories that have a containers.json */
	struct runtime_places docker_state;
	struct runtime_places runc;
};

/* One question. */
struct question {
	struct runtime_lookup *lookup;
	const char *id;
	bool hex;
	bool is_users;
	pid_t monitor;
	uint64_t deadline_ns;
	struct runtime_facts *facts;
};

static void take_sockets(struct sockets *sockets, const struct runtime_places *places)
{
	sockets->count = places->count;
	for (size_t i = 0; i < places->count; i++)
		memcpy(sockets->place[i].path, places->dir[i], RUNTIME_PLACE_BYTES);
}

int runtime_lookup__new(struct runtime_lookup **ret_lookup, const struct config *config,
			const char *host_root)
{
	struct runtime_lookup *lookup = calloc(1, sizeof(*lookup));
	struct runtime_places places;

	if (!lookup || runtime_api__init()) {
		free(lookup);
		return -ENOMEM;
	}
	runtime_places__docker_socket(&places, config, host_root);
	take_sockets(&lookup->docker, &places);
	runtime_places__podman_socket(&places, config, host_root);
	take_sockets(&lookup->podman, &places);
	runtime_places__containerd_socket(&places, config, host_root);
	take_sockets(&lookup->containerd, &places);
	runtime_places__containerd(&lookup->containerd_state, config, host_root);
	runtime_places__storage(&lookup->storage, config, host_root);
	runtime_places__fixed(&lookup->storage_list,
			      "/var/lib/containers/storage/overlay-containers", host_root);
	runtime_places__fixed(&lookup->docker_state, "/var/lib/docker/containers", host_root);
	runtime_places__fixed(&lookup->runc, "/run/runc", host_root);
	*ret_lookup = lookup;
	return 0;
}

void runtime_lookup__free(struct runtime_lookup *lookup)
{
	free(lookup);
}

/* Reads "DIR/ID/FILE" and hands it to a reader of facts. 0 or a negative errno. */
static int read_document(const char *dir, const char *id, const char *file,
			 struct runtime_facts *facts,
			 int (*reader)(struct runtime_facts *, const char *, size_t))
{
	char path[FILE_PATH_BYTES];
	char *text;
	size_t len;
	int err;

	if (snprintf(path, sizeof(path), "%s/%s/%s", dir, id, file) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	err = whole_file__read(path, RUNTIME_DOCUMENT_MAX, &text, &len);
	if (err)
		return err;
	err = reader(facts, text, len);
	free(text);
	return err;
}

static void complain(struct socket_place *place, int err)
{
	if (!place->failed)
		log__warn("%s: %s; until that is over, who is found is named without it",
			  place->path,
			  err == -ETIMEDOUT  ? "no answer in time"
			  : err == -ENOTCONN ? "nobody can connect"
					     : "the answer is not understood");
	place->failed = true;
}

/*
 * True if one of the daemons knows: ask returns 0 then, -ENOENT if it does not, or another
 * negative errno. The facts are incomplete where one that is there did not say.
 */
static bool ask_sockets(struct question *q, struct sockets *sockets,
			int (*ask)(struct question *q, const char *socket))
{
	for (size_t i = 0; i < sockets->count; i++) {
		struct socket_place *place = &sockets->place[i];
		uint64_t start_ns = clock__now_ns(), end_ns;
		int err;

		if (access(place->path, F_OK))
			continue;
		if (start_ns >= q->deadline_ns || start_ns < place->paused_until_ns) {
			q->facts->is_incomplete = true;
			continue;
		}
		err = ask(q, place->path);
		end_ns = clock__now_ns();
		if (end_ns - start_ns > SOCKET_SLOW_NS)
			place->paused_until_ns = end_ns + SOCKET_PAUSE_NS;
		if (err && err != -ENOENT) {
			q->facts->is_incomplete = true;
			complain(place, err);
			continue;
		}
		place->failed = false;
		if (!err) {
			q->facts->is_incomplete = false;
			return true;
		}
	}
	return false;
}

/* Docker's API, which Podman has, too. */
static int ask_docker_api(struct question *q, const char *socket)
{
	char target[128], *body;
	size_t len;
	int err;

	/* the id becomes part of a URL */
	if (!q->hex)
		return -ENOENT;
	snprintf(target, sizeof(target), "/containers/%s/json", q->id);
	err = runtime_api__get(socket, target, q->deadline_ns, RUNTIME_DOCUMENT_MAX, &body, &len);
	if (err)
		return err;
	err = runtime_facts__docker(q->facts, body, len);
	free(body);
	return err;
}

static bool ask_docker(struct question *q)
{
	if (ask_sockets(q, &q->lookup->docker, ask_docker_api))
		return true;
	for (size_t i = 0; q->hex && i < q->lookup->docker_state.count; i++) {
		if (read_document(q->lookup->docker_state.dir[i], q->id, "config.v2.json", q->facts,
				  runtime_facts__docker))
			continue;
		q->facts->is_incomplete = false; /* it says the same */
		return true;
	}
	return false;
}

/* conmon, one per container, starts its first process; its arguments name it. */
static bool ask_conmon(struct question *q)
{
	char args[8192];
	const char *id, *name, *bundle;
	ssize_t len;

	/* a user's may say what it likes, and hang when it is asked */
	if (q->monitor <= 0 || !process__is_hosts(q->monitor))
		return false;
	len = process__cmdline(q->monitor, args, sizeof(args));
	if (len <= 0 || !strstr(args, "conmon"))
		return false;
	id = process__option(args, (size_t)len, "-c", "--cid");
	if (!id || strcmp(id, q->id) != 0)
		return false;
	name = process__option(args, (size_t)len, "-n", "--name");
	bundle = process__option(args, (size_t)len, "-b", "--bundle");
	if (name && !q->facts->name[0])
		names__clean(q->facts->name, name, strlen(name));
	/* a user may point at any that root can read */
	if (bundle && !q->is_users)
		read_document(bundle, ".", "config.json", q->facts, runtime_facts__oci);
	return true;
}

static bool ask_storage_list(struct question *q)
{
	for (size_t i = 0; i < q->lookup->storage_list.count; i++) {
		char path[FILE_PATH_BYTES];
		char *text;
		size_t len;
		int err;

		snprintf(path, sizeof(path), "%s/containers.json", q->lookup->storage_list.dir[i]);
		if (whole_file__read(path, RUNTIME_DOCUMENT_MAX, &text, &len))
			continue;
		err = runtime_facts__storage(q->facts, text, len, q->id);
		free(text);
		if (!err)
			return true;
	}
	return false;
}

static bool ask_podman(struct question *q)
{
	if (ask_sockets(q, &q->lookup->podman, ask_docker_api))
		return true;
	return ask_conmon(q) || ask_storage_list(q);
}

/* The state directory has what containerd told the shim: not the pod's labels and annotations. */
static bool ask_containerd_state(struct question *q)
{
	for (size_t i = 0; i < q->lookup->containerd_state.count; i++) {
		const char *root = q->lookup->containerd_state.dir[i];
		struct dirent *entry;
		bool found = false;
		DIR *stream = opendir(root);

		while (stream && !found && (entry = readdir(stream))) {
			char dir[FILE_PATH_BYTES];

			if (entry->d_name[0] == '.')
				continue;
			if (snprintf(dir, sizeof(dir), "%s/%s", root, entry->d_name) >=
			    (int)sizeof(dir))
				continue;
			found = read_document(dir, q->id, "config.json", q->facts,
					      runtime_facts__oci) == 0;
		}
		if (stream)
			closedir(stream);
		if (found)
			return true;
	}
	return false;
}

/* What the pod's sandbox says about all its containers. */
static void take_pod(struct runtime_facts *facts, const struct runtime_facts *pod)
{
	if (pod->app_rank > facts->app_rank) {
		memcpy(facts->app, pod->app, sizeof(facts->app));
		facts->app_rank = pod->app_rank;
	}
	if (!facts->metrics.scrape[0])
		facts->metrics = pod->metrics;
}

/* The id becomes part of a file name, or a question of just that length. */
static bool has_sandbox(const struct runtime_facts *facts)
{
	return cgroup_path__is_hex_id(facts->sandbox_id, strlen(facts->sandbox_id));
}

static int ask_cri(struct question *q, const char *socket)
{
	const char *sandbox = q->facts->sandbox_id;
	struct runtime_facts pod = { 0 };
	char question[CRI_QUESTION_BYTES], *answer;
	size_t asked = cri__ask_sandbox(question, sandbox), len;
	int err = runtime_api__call(socket, CRI_LIST_SANDBOXES, question, asked, q->deadline_ns,
				    RUNTIME_DOCUMENT_MAX, &answer, &len);

	if (err)
		return err;
	err = cri__take_sandbox(&pod, answer, len, sandbox);
	free(answer);
	if (!err)
		take_pod(q->facts, &pod);
	return err;
}

static bool ask_containerd(struct question *q)
{
	if (!ask_containerd_state(q))
		return false;
	if (has_sandbox(q->facts))
		ask_sockets(q, &q->lookup->containerd, ask_cri);
	return true;
}

static bool ask_crio(struct question *q)
{
	for (size_t i = 0; i < q->lookup->storage.count; i++) {
		const char *dir = q->lookup->storage.dir[i];
		struct runtime_facts pod = { 0 };

		if (read_document(dir, q->id, "userdata/config.json", q->facts,
				  runtime_facts__oci) != 0)
			continue;
		/* only the sandbox has the pod's labels */
		if (has_sandbox(q->facts) &&
		    read_document(dir, q->facts->sandbox_id, "userdata/config.json", &pod,
				  runtime_facts__oci) == 0)
			take_pod(q->facts, &pod);
		return true;
	}
	return false;
}

static bool ask_runc(struct question *q)
{
	for (size_t i = 0; i < q->lookup->runc.count; i++) {
		if (read_document(q->lookup->runc.dir[i], q->id, "state.json", q->facts,
				  runtime_facts__runc) == 0) {
			if (q->facts->bundle[0])
				read_document(q->facts->bundle, ".", "config.json", q->facts,
					      runtime_facts__oci);
			return true;
		}
	}
	return false;
}

/* CRI-O and Podman keep their containers in one place; only a pod's container is CRI-O's. */
static bool ask_unknown_crio(struct question *q)
{
	struct runtime_facts facts = *q->facts, *given = q->facts;
	bool found;

	q->facts = &facts;
	found = ask_crio(q) && facts.pod[0];
	q->facts = given;
	if (found)
		*given = facts;
	return found;
}

const char *runtime_lookup__find(struct runtime_lookup *lookup, const struct cgroup_path *class,
				 pid_t monitor, struct runtime_facts *ret_facts)
{
	static const struct {
		const char *runtime;
		bool (*ask)(struct question *q);
		bool (*ask_unknown)(struct question *q); /* where the path left it open */
	} runtimes[] = {
		{ "containerd", ask_containerd, ask_containerd },
		{ "cri-o", ask_crio, ask_unknown_crio },
		{ "docker", ask_docker, ask_docker },
		{ "podman", ask_podman, ask_podman },
		{ "runc", ask_runc, ask_runc },
	};
	struct runtime_facts facts = { 0 };
	struct question q = {
		.lookup = lookup,
		.id = class->id,
		.hex = cgroup_path__is_hex_id(class->id, strlen(class->id)),
		.is_users = class->is_users,
		.monitor = monitor,
		.deadline_ns = clock__now_ns() + RUNTIME_LOOKUP_MS * 1000000ull,
		.facts = &facts,
	};
	const char *runtime = class->runtime;
	bool found = false, is_incomplete = false;

	/* the id becomes part of file names, which it must not lead astray */
	if (class->id[0] == '.' || strchr(class->id, '/')) {
		*ret_facts = facts;
		return runtime;
	}
	/* the host's runtimes know nothing of it, and what they know of that id is another's */
	if (class->is_users) {
		ask_conmon(&q);
		*ret_facts = facts;
		return runtime;
	}
	for (size_t i = 0; !found && i < sizeof(runtimes) / sizeof(runtimes[0]); i++) {
		bool open = !class->runtime[0];

		if (!open && strcmp(class->runtime, runtimes[i].runtime) != 0)
			continue;
		facts.is_incomplete = false;
		found = open ? runtimes[i].ask_unknown(&q) : runtimes[i].ask(&q);
		if (found)
			runtime = runtimes[i].runtime;
		is_incomplete |= facts.is_incomplete;
	}
	if (!found)
		facts.is_incomplete = is_incomplete;
	*ret_facts = facts;
	return runtime;
}
