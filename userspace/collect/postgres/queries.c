// SPDX-License-Identifier: Apache-2.0
#include "collect/postgres/queries.h"

#include <string.h>

/* clang-format off */

/*
 * The name that a database is shown by: the oldest have their own, with a mark if it is
 * reserved, as base/reserved.h says.
 */
#define NAMED \
	"WITH named AS (SELECT oid, CASE WHEN row_number() OVER (ORDER BY oid) > 100 " \
	"THEN '__other__' WHEN datname::text ~ '^-*__.+__$' THEN '-' || datname::text " \
	"ELSE datname::text END AS name FROM pg_catalog.pg_database) "
_Static_assert(POSTGRES_MAX_DATABASES == 100, "the number in NAMED");

/* Nanoseconds out of milliseconds, an interval, or a moment. */
#define MS(value) "round((" value ")::numeric * 1000000)::int8"
#define SPAN(value) "(extract(epoch FROM " value ") * 1000000)::int8 * 1000"

#define SUM(column) "sum(d." column ")::int8"

/*
 * What all databases share stands in a row without a name (12 and later). When
 * statistics were reset cannot be told of several at once.
 */
static const char database_sql[] = NAMED
	"SELECT coalesce(n.name, ''), "
	SUM("numbackends") ", " SUM("xact_commit") ", " SUM("xact_rollback") ", "
	SUM("blks_read") ", " SUM("blks_hit") ", " SUM("tup_returned") ", "
	SUM("tup_fetched") ", " SUM("tup_inserted") ", " SUM("tup_updated") ", "
	SUM("tup_deleted") ", " SUM("conflicts") ", " SUM("deadlocks") ", "
	MS("sum(d.blk_read_time)") ", " MS("sum(d.blk_write_time)") ", "
	"CASE WHEN count(*) = 1 THEN " SPAN("max(d.stats_reset)") " END "
	"FROM pg_catalog.pg_stat_database d LEFT JOIN named n ON n.oid = d.datid "
	"WHERE d.datid = 0 OR n.oid IS NOT NULL GROUP BY 1";

static const char conflicts_sql[] = NAMED
	"SELECT n.name, " SUM("confl_tablespace") ", " SUM("confl_lock") ", "
	SUM("confl_snapshot") ", " SUM("confl_bufferpin") ", " SUM("confl_deadlock") " "
	"FROM pg_catalog.pg_stat_database_conflicts d JOIN named n ON n.oid = d.datid GROUP BY 1";

/* Every state of every database, so that a series does not come and go. */
static const char activity_sql[] = NAMED
	"SELECT n.name, s.state, count(a.pid)::int8, "
	"greatest(0, coalesce(" SPAN("max(now() - a.xact_start)") ", 0)) "
	"FROM named n CROSS JOIN (VALUES ('active'), ('idle'), ('idle in transaction'), "
	"('idle in transaction (aborted)'), ('fastpath function call'), ('disabled')) s(state) "
	"LEFT JOIN pg_catalog.pg_stat_activity a ON a.datid = n.oid AND a.state = s.state "
	"GROUP BY 1, 2";

static const char archiver_sql[] =
	"SELECT archived_count, failed_count FROM pg_catalog.pg_stat_archiver";

static const char bgwriter_sql[] =
	"SELECT buffers_clean, maxwritten_clean, buffers_alloc, " SPAN("stats_reset") " "
	"FROM pg_catalog.pg_stat_bgwriter";

/* 17 made a view of its own of checkpoints; what backends write is in pg_stat_io, not alike. */
static const char checkpoints_sql[] =
	"SELECT checkpoints_timed, checkpoints_req, " MS("checkpoint_write_time") ", "
	MS("checkpoint_sync_time") ", buffers_checkpoint, buffers_backend, "
	"buffers_backend_fsync FROM pg_catalog.pg_stat_bgwriter";
static const char checkpointer_sql[] =
	"SELECT num_timed, num_requested, " MS("write_time") ", " MS("sync_time") ", "
	"buffers_written FROM pg_catalog.pg_stat_checkpointer";

static const char size_sql[] = NAMED
	"SELECT n.name, sum(pg_catalog.pg_database_size(n.oid))::int8 FROM named n GROUP BY 1";

/* Standbys of one name, address and state are one: the furthest behind. */
#define REPLICATION_SQL(more) \
	"SELECT coalesce(application_name, ''), coalesce(host(client_addr), ''), " \
	"coalesce(state, ''), " \
	"max(CASE WHEN pg_is_in_recovery() THEN NULL ELSE " \
	"pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') END)::int8, " \
	"max(CASE WHEN pg_is_in_recovery() OR replay_lsn IS NULL THEN NULL ELSE " \
	"greatest(0, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)) END)::int8" more \
	" FROM pg_catalog.pg_stat_replication GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT 64"
_Static_assert(POSTGRES_MAX_STANDBYS == 64, "the number in REPLICATION_SQL");
static const char replication_11_sql[] = REPLICATION_SQL("");
static const char replication_sql[] = REPLICATION_SQL(", " SPAN("min(reply_time)"));

/* A standby that has replayed all it got is not behind, however long nothing happened. */
static const char lag_sql[] =
	"SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0 "
	"WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 "
	"WHEN pg_last_xact_replay_timestamp() IS NULL THEN NULL "
	"ELSE greatest(0, " SPAN("now() - pg_last_xact_replay_timestamp()") ") END";

static const struct postgres_query queries[] = {
	{ database_sql, 0, 0, 1, false, 15, {
		READING_PG_DATABASE_NUMBACKENDS, READING_PG_DATABASE_XACT_COMMIT,
		READING_PG_DATABASE_XACT_ROLLBACK, READING_PG_DATABASE_BLKS_READ,
		READING_PG_DATABASE_BLKS_HIT, READING_PG_DATABASE_TUP_RETURNED,
		READING_PG_DATABASE_TUP_FETCHED, READING_PG_DATABASE_TUP_INSERTED,
		READING_PG_DATABASE_TUP_UPDATED, READING_PG_DATABASE_TUP_DELETED,
		READING_PG_DATABASE_CONFLICTS, READING_PG_DATABASE_DEADLOCKS,
		READING_PG_DATABASE_BLK_READ_TIME, READING_PG_DATABASE_BLK_WRITE_TIME,
		READING_PG_DATABASE_STATS_RESET } },
	{ conflicts_sql, 0, 0, 1, false, 5, {
		READING_PG_DATABASE_CONFLICTS_TABLESPACE, READING_PG_DATABASE_CONFLICTS_LOCK,
		READING_PG_DATABASE_CONFLICTS_SNAPSHOT, READING_PG_DATABASE_CONFLICTS_BUFFERPIN,
		READING_PG_DATABASE_CONFLICTS_DEADLOCK } },
	{ activity_sql, 0, 0, 2, false, 2, {
		READING_PG_ACTIVITY_COUNT, READING_PG_ACTIVITY_MAX_TX_DURATION } },
	{ archiver_sql, 0, 0, 0, false, 2, {
		READING_PG_ARCHIVER_ARCHIVED, READING_PG_ARCHIVER_FAILED } },
	{ bgwriter_sql, 0, 0, 0, false, 4, {
		READING_PG_BGWRITER_BUFFERS_CLEAN, READING_PG_BGWRITER_MAXWRITTEN_CLEAN,
		READING_PG_BGWRITER_BUFFERS_ALLOC, READING_PG_BGWRITER_STATS_RESET } },
	{ checkpoints_sql, 0, 170000, 0, false, 7, {
		READING_PG_BGWRITER_CHECKPOINTS_TIMED, READING_PG_BGWRITER_CHECKPOINTS_REQ,
		READING_PG_BGWRITER_CHECKPOINT_WRITE_TIME, READING_PG_BGWRITER_CHECKPOINT_SYNC_TIME,
		READING_PG_BGWRITER_BUFFERS_CHECKPOINT, READING_PG_BGWRITER_BUFFERS_BACKEND,
		READING_PG_BGWRITER_BUFFERS_BACKEND_FSYNC } },
	{ checkpointer_sql, 170000, 0, 0, false, 5, {
		READING_PG_BGWRITER_CHECKPOINTS_TIMED, READING_PG_BGWRITER_CHECKPOINTS_REQ,
		READING_PG_BGWRITER_CHECKPOINT_WRITE_TIME, READING_PG_BGWRITER_CHECKPOINT_SYNC_TIME,
		READING_PG_BGWRITER_BUFFERS_CHECKPOINT } },
	{ replication_11_sql, 0, 120000, 3, true, 2, {
		READING_PG_REPLICATION_CURRENT_WAL_LSN, READING_PG_REPLICATION_WAL_LSN_DIFF } },
	{ replication_sql, 120000, 0, 3, true, 3, {
		READING_PG_REPLICATION_CURRENT_WAL_LSN, READING_PG_REPLICATION_WAL_LSN_DIFF,
		READING_PG_REPLICATION_REPLY_TIME } },
	{ lag_sql, 0, 0, 0, true, 1, { READING_PG_REPLICATION_LAG } },
	{ size_sql, 0, 0, 1, true, 1, { READING_PG_DATABASE_SIZE } },
};
/* clang-format on */

#define QUERY_COUNT (sizeof(queries) / sizeof(queries[0]))

static const char *const kind_name[READING_KINDS] = {
#define KIND_NAME(name, unit) #name,
	READINGS(KIND_NAME)
#undef KIND_NAME
};

size_t postgres_query__all(const struct postgres_query **ret_queries)
{
	*ret_queries = queries;
	return QUERY_COUNT;
}

bool postgres_query__fits(const struct postgres_query *query, int version)
{
	return version >= query->since && (!query->before || version < query->before);
}

int postgres_kind__labels(enum reading_kind kind)
{
	for (size_t i = 0; i < QUERY_COUNT; i++)
		for (unsigned int k = 0; k < queries[i].kinds; k++)
			if (queries[i].kind[k] == kind)
				return (int)queries[i].labels;
	return -1;
}

int postgres_kind__find(const char *name, size_t length)
{
	for (int kind = READING_PG_ACTIVITY_COUNT; kind < READING_KINDS; kind++)
		if (strlen(kind_name[kind]) == length && memcmp(kind_name[kind], name, length) == 0)
			return postgres_kind__labels((enum reading_kind)kind) < 0 ? -1 : kind;
	return -1;
}

const char *postgres_kind__name(enum reading_kind kind)
{
	return kind_name[kind];
}
