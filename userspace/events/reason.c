/* SPDX-License-Identifier: Apache-2.0 */
#include "events/reason.h"

const char tls_reason_other[] = "__other__";

/* IANA, "TLS Alerts"; the RFCs that define them are 8446, 5246, 6066, 7301, 7507, 9146, 9849. */
static const char *const alert_names[256] = {
	[0] = "close_notify",
	[10] = "unexpected_message",
	[20] = "bad_record_mac",
	[21] = "decryption_failed",
	[22] = "record_overflow",
	[30] = "decompression_failure",
	[40] = "handshake_failure",
	[41] = "no_certificate",
	[42] = "bad_certificate",
	[43] = "unsupported_certificate",
	[44] = "certificate_revoked",
	[45] = "certificate_expired",
	[46] = "certificate_unknown",
	[47] = "illegal_parameter",
	[48] = "unknown_ca",
	[49] = "access_denied",
	[50] = "decode_error",
	[51] = "decrypt_error",
	[52] = "too_many_cids_requested",
	[60] = "export_restriction",
	[70] = "protocol_version",
	[71] = "insufficient_security",
	[80] = "internal_error",
	[86] = "inappropriate_fallback",
	[90] = "user_canceled",
	[100] = "no_renegotiation",
	[109] = "missing_extension",
	[110] = "unsupported_extension",
	[111] = "certificate_unobtainable",
	[112] = "unrecognized_name",
	[113] = "bad_certificate_status_response",
	[114] = "bad_certificate_hash_value",
	[115] = "unknown_psk_identity",
	[116] = "certificate_required",
	[117] = "general_error",
	[120] = "no_application_protocol",
	[121] = "ech_required",
};

/* The numbers that begin with these digits: no text is made while handshakes are counted. */
#define TEN(digits)                                                                                \
	"alert_" #digits "0", "alert_" #digits "1", "alert_" #digits "2", "alert_" #digits "3",    \
		"alert_" #digits "4", "alert_" #digits "5", "alert_" #digits "6",                  \
		"alert_" #digits "7", "alert_" #digits "8", "alert_" #digits "9"

static const char *const alert_numbers[] = {
	TEN(),	 TEN(1),  TEN(2),  TEN(3),  TEN(4),  TEN(5),  TEN(6),  TEN(7),	TEN(8),
	TEN(9),	 TEN(10), TEN(11), TEN(12), TEN(13), TEN(14), TEN(15), TEN(16), TEN(17),
	TEN(18), TEN(19), TEN(20), TEN(21), TEN(22), TEN(23), TEN(24), TEN(25),
};

_Static_assert(sizeof(alert_numbers) / sizeof(*alert_numbers) >= 256, "every alert has a text");

const char *tls_reason__name(enum tls_outcome outcome, __u8 alert)
{
	switch (outcome) {
	case TLS_OUTCOME_ALERT:
		return alert_names[alert] ? alert_names[alert] : alert_numbers[alert];
	case TLS_OUTCOME_ENCRYPTED_ALERT:
		return "encrypted_alert";
	case TLS_OUTCOME_CLOSED:
		return "closed";
	case TLS_OUTCOME_RESET:
		return "reset";
	case TLS_OUTCOME_TIMEOUT:
		return "timeout";
	case TLS_OUTCOME_DONE:
		break;
	}
	return tls_reason_other;
}
