// SPDX-License-Identifier: Apache-2.0
/*
 * Runtimes and systemd leave their mark in one component of the path. The
 * components are looked at from the root to the leaf, and the first mark
 * decides. What is below belongs to whoever is in there: a container whose
 * cgroup namespace is writable, a unit with Delegate=yes. They may call a cgroup
 * what they like, also by the id of a container that the host runs.
 */
#include <stdlib.h>
#include <string.h>

#include "identity/cgroup_path.h"
#include "identity/names.h"

#define HEX_ID_LEN 64

struct span {
	const char *at;
	size_t len;
};

/* The path so far, while its components are visited. */
struct visit {
	struct cgroup_path *class;
	struct span previous;
	bool in_kubepods;
	bool in_pod; /* the previous component is a pod of the cgroupfs driver */
};

static bool span__is(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

static bool span__strip_prefix(struct span *s, const char *prefix)
{
	size_t len = strlen(prefix);

	if (s->len < len || memcmp(s->at, prefix, len) != 0)
		return false;
	s->at += len;
	s->len -= len;
	return true;
}

static bool span__strip_suffix(struct span *s, const char *suffix)
{
	size_t len = strlen(suffix);

	if (s->len < len || memcmp(s->at + s->len - len, suffix, len) != 0)
		return false;
	s->len -= len;
	return true;
}

static bool span__starts(struct span s, const char *prefix)
{
	return span__strip_prefix(&s, prefix);
}

static bool span__ends(struct span s, const char *suffix)
{
	return span__strip_suffix(&s, suffix);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool cgroup_path__is_hex_id(const char *name, size_t len)
{
	if (len != HEX_ID_LEN)
		return false;
	for (size_t i = 0; i < len; i++)
		if (hex_digit(name[i]) < 0)
			return false;
	return true;
}

static void span__copy(struct span s, char *to, size_t size)
{
	size_t len = s.len < size ? s.len : size - 1;

	memcpy(to, s.at, len);
	to[len] = '\0';
}

/* systemd writes a byte that a unit name cannot hold as \xNN (systemd.unit(5)). */
static void span__copy_unescaped(struct span s, char *to, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len && n + 1 < size; i++) {
		int high, low;

		if (s.at[i] == '\\' && i + 3 < s.len && s.at[i + 1] == 'x') {
			high = hex_digit(s.at[i + 2]);
			low = hex_digit(s.at[i + 3]);
			if (high >= 0 && low >= 0 && (high || low)) {
				to[n++] = (char)(high << 4 | low);
				i += 3;
				continue;
			}
		}
		to[n++] = s.at[i];
	}
	to[n] = '\0';
}

static void set_container(struct visit *v, const char *runtime, struct span id)
{
	v->class->kind = CGROUP_CONTAINER;
	v->class->runtime = runtime;
	span__copy(id, v->class->id, sizeof(v->class->id));
}

/* "<prefix><id>", with or without ".scope", as the runtimes' cgroup drivers name containers. */
static bool match_prefixed(struct visit *v, struct span name)
{
	static const struct {
		const char *prefix;
		const char *runtime;
		bool any_id; /* ids that a user chooses; needs ".scope" to be told from other names */
	} prefixes[] = {
		{ "docker-", "docker", false },
		{ "cri-containerd-", "containerd", true },
		{ "containerd-", "containerd", false },
		{ "nerdctl-", "containerd", false },
		{ "crio-", "cri-o", false },
		{ "libpod-payload-", "podman", false },
		{ "libpod-", "podman", false },
		{ "runc-", "runc", true },
		{ "crun-", "crun", true },
	};
	bool scope = span__strip_suffix(&name, ".scope");

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		struct span id = name;

		if (!span__strip_prefix(&id, prefixes[i].prefix))
			continue;
		if (!cgroup_path__is_hex_id(id.at, id.len) &&
		    !(prefixes[i].any_id && scope && id.len > 0))
			continue;
		set_container(v, prefixes[i].runtime, id);
		return true;
	}
	/* a runtime that is not in the table, but follows the custom */
	if (scope && name.len > HEX_ID_LEN && name.at[name.len - HEX_ID_LEN - 1] == '-') {
		struct span id = { name.at + name.len - HEX_ID_LEN, HEX_ID_LEN };

		if (cgroup_path__is_hex_id(id.at, id.len)) {
			set_container(v, "", id);
			return true;
		}
	}
	return false;
}

/*
 * "slice:prefix:id" is what a systemd cgroupsPath turns into when the runtime
 * itself uses the cgroupfs driver.
 */
static bool match_colons(struct visit *v, struct span name)
{
	const char *first = memchr(name.at, ':', name.len);
	const char *second;
	struct span prefix, id;

	if (!first)
		return false;
	second = memchr(first + 1, ':', name.len - (size_t)(first + 1 - name.at));
	if (!second)
		return false;
	prefix = (struct span){ first + 1, (size_t)(second - first - 1) };
	id = (struct span){ second + 1, name.len - (size_t)(second + 1 - name.at) };
	if (id.len == 0 || memchr(id.at, ':', id.len))
		return false;
	set_container(v,
		      span__is(prefix, "docker")	   ? "docker"
		      : span__is(prefix, "cri-containerd") ? "containerd"
		      : span__is(prefix, "crio")	   ? "cri-o"
		      : span__is(prefix, "libpod")	   ? "podman"
							   : "",
		      id);
	return true;
}

static bool match_lxc(struct visit *v, struct span name)
{
	bool top = v->previous.at == NULL;

	if (top && span__strip_prefix(&name, "lxc.payload.") && name.len > 0) {
		set_container(v, "lxc", name);
		return true;
	}
	if (span__is(v->previous, "lxc") || span__is(v->previous, "lxc.payload")) {
		set_container(v, "lxc", name);
		return true;
	}
	return false;
}

static bool match_nspawn(struct visit *v, struct span name)
{
	struct span machine = name;

	if (span__strip_prefix(&machine, "machine-") && span__strip_suffix(&machine, ".scope")) {
		/* libvirt registers its virtual machines in the same way */
		if (machine.len == 0 || span__starts(machine, "qemu\\x2d"))
			return false;
	} else {
		machine = name;
		if (!span__strip_prefix(&machine, "systemd-nspawn@") ||
		    !span__strip_suffix(&machine, ".service") || machine.len == 0)
			return false;
	}
	set_container(v, "systemd-nspawn", machine);
	span__copy_unescaped(machine, v->class->id, sizeof(v->class->id));
	return true;
}

/* The processes that watch a container are not in it. */
static bool is_monitor(struct span name)
{
	return span__starts(name, "crio-conmon-") || span__starts(name, "libpod-conmon-") ||
	       span__starts(name, "lxc.monitor.") || span__is(name, "conmon");
}

static bool match_container(struct visit *v, struct span name)
{
	if (is_monitor(name))
		return false;
	if (match_prefixed(v, name) || match_colons(v, name) || match_lxc(v, name) ||
	    match_nspawn(v, name))
		return true;
	if (cgroup_path__is_hex_id(name.at, name.len)) {
		set_container(v, span__is(v->previous, "docker") ? "docker" : "", name);
		return true;
	}
	/* kubelet's cgroupfs driver: whatever is in a pod's directory is a container */
	if (v->in_pod) {
		set_container(v, "", name);
		return true;
	}
	return false;
}

/*
 * Terminal multiplexers and emulators ask for one scope per shell: what runs
 * there is as unrelated as in a login session.
 */
static bool is_session(struct span name)
{
	return span__starts(name, "session-") || span__is(name, "init.scope") ||
	       span__starts(name, "tmux-spawn-") || span__starts(name, "vte-spawn-");
}

/* "user@1000.service": systemd gives the user all that is below. */
static bool match_user(struct visit *v, struct span name)
{
	char digits[16];
	char *end;
	unsigned long user;

	if (!span__strip_prefix(&name, "user@") || !span__strip_suffix(&name, ".service"))
		return false;
	if (v->class->is_users || name.len == 0 || name.len >= sizeof(digits))
		return true;
	span__copy(name, digits, sizeof(digits));
	user = strtoul(digits, &end, 10);
	if (*end == '\0' && hex_digit(digits[0]) >= 0 && user <= (uid_t)-1) {
		v->class->is_users = true;
		v->class->user = (uid_t)user;
	}
	return true;
}

static bool match_unit(struct visit *v, struct span name)
{
	bool scope = span__ends(name, ".scope");

	if (!scope && !span__ends(name, ".service"))
		return false;
	if ((scope && (is_session(name) || is_monitor(name))) || match_user(v, name))
		return false;
	v->class->kind = CGROUP_UNIT;
	v->class->runtime = "systemd";
	span__copy(name, v->class->unit, sizeof(v->class->unit));
	return true;
}

/* The uid is that of the API object, or of static pods a hash without dashes. */
static bool set_pod(struct visit *v, struct span uid)
{
	struct cgroup_path *class = v->class;

	if (uid.len < 8 || uid.len >= sizeof(class->pod_uid))
		return false;
	for (size_t i = 0; i < uid.len; i++)
		if (hex_digit(uid.at[i]) < 0 && uid.at[i] != '-' && uid.at[i] != '_')
			return false;
	span__copy(uid, class->pod_uid, sizeof(class->pod_uid));
	for (char *c = class->pod_uid; *c; c++)
		if (*c == '_')
			*c = '-';
	return true;
}

/* Follows kubelet's own levels: kubepods, class of service, pod. */
static void match_kubepods(struct visit *v, struct span name)
{
	static const char slice_word[] = "kubepods";
	struct span slice = name;

	v->in_pod = false;
	if (v->class->is_users)
		return;
	if (span__is(name, slice_word)) {
		v->in_kubepods = true;
		v->class->pod_uid[0] = '\0';
		return;
	}
	if (span__strip_suffix(&slice, ".slice") && !memchr(slice.at, ':', slice.len)) {
		const char *at = memmem(slice.at, slice.len, slice_word, strlen(slice_word));

		if (!at)
			return;
		slice.len -= (size_t)(at - slice.at) + strlen(slice_word);
		slice.at = at + strlen(slice_word);
		v->in_kubepods = true;
		v->class->pod_uid[0] = '\0';
		if (!span__strip_prefix(&slice, "-burstable"))
			span__strip_prefix(&slice, "-besteffort");
		if (span__strip_prefix(&slice, "-pod"))
			set_pod(v, slice);
		return;
	}
	if (v->in_kubepods && span__strip_prefix(&slice, "pod"))
		v->in_pod = set_pod(v, slice);
}

void cgroup_path__classify(const char *path, struct cgroup_path *ret_class)
{
	struct visit v = { .class = ret_class };
	const char *at = path;

	memset(ret_class, 0, sizeof(*ret_class));
	ret_class->runtime = "";
	ret_class->kind = CGROUP_SHARED;

	while (*at && ret_class->kind == CGROUP_SHARED) {
		struct span name;

		if (*at == '/') {
			at++;
			continue;
		}
		name = (struct span){ at, strcspn(at, "/") };
		at += name.len;
		if (name.len >= CGROUP_NAME_BYTES || span__is(name, "..")) {
			v.in_pod = false;
			continue;
		}
		if (match_container(&v, name) || match_unit(&v, name))
			ret_class->root_len = (size_t)(at - path);
		else
			match_kubepods(&v, name);
		v.previous = name;
	}
	ret_class->in_kubepods = v.in_kubepods && !ret_class->is_users;
	if (ret_class->kind == CGROUP_SHARED)
		ret_class->is_users = false;
}

void cgroup_path__instance(const struct cgroup_path *class, char *to)
{
	if (class->kind == CGROUP_UNIT)
		names__clean(to, class->unit, strlen(class->unit));
	else
		names__short_id(to, class->id);
	if (class->is_users)
		names__add_user(to, class->user);
}
