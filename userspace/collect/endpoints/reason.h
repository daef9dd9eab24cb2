/* SPDX-License-Identifier: Apache-2.0 */
/* Why a scrape failed. */
#ifndef EDGETAP_COLLECT_ENDPOINTS_REASON_H
#define EDGETAP_COLLECT_ENDPOINTS_REASON_H

/* Name, value of the label `reason`, words for a sentence. */
#define CUSTOM_REASONS(X)                                                                          \
	X(GONE, "gone", "its process has ended")                                                   \
	X(NAMESPACE, "namespace", "its network namespace cannot be reached")                       \
	X(ITSELF, "itself", "the port is edgetap's own")                                           \
	X(OTHER_OWNER, "other_owner", "another instance listens on the port")                      \
	X(CONNECT, "connect", "nothing answers on the port")                                       \
	X(TIMEOUT, "timeout", "the answer took too long")                                          \
	X(CLOSED, "closed", "the connection ended before the answer was whole")                    \
	X(PROTOCOL, "protocol", "the answer is no proper HTTP")                                    \
	X(STATUS, "status", "the answer's status is not 200")                                      \
	X(TOO_LARGE, "too_large", "the answer is too large")                                       \
	X(WIRE_TOO_LARGE, "wire_too_large", "too many bytes were sent")                            \
	X(MEMORY, "memory", "its app holds its share of the memory")                               \
	X(PAGE, "page", "its app has its share of the page")                                       \
	X(TIME, "time", "its app has spent its share of the time")                                 \
	X(TOO_MANY, "too_many_samples", "there are too many samples")                              \
	X(DUPLICATE, "duplicate", "a series is there twice")                                       \
	X(FORMAT, "format", "the text is not in the format")

enum custom_reason {
#define CUSTOM_REASON(id, label, words) CUSTOM_##id,
	CUSTOM_REASONS(CUSTOM_REASON)
#undef CUSTOM_REASON
		CUSTOM_REASON_N,
	CUSTOM_NONE = CUSTOM_REASON_N
};

#endif
