/*
 * acl.h - who may do what with which node of the tree, in an installation where each
 * daemon has its own identity (design.md, section 3).
 *
 * mr-server alone writes documents and control, mr-core alone writes instances and
 * lastCommit, mr-monitor writes alerts and its announcement, and reads the rest; nobody
 * but mr-server reads tokens and users.
 */
#ifndef MR_DAEMON_ACL_H
#define MR_DAEMON_ACL_H

#include "common/zk/zk.h"

/* A task's node: server all; core creates (registers) and reads; monitor reads. */
extern const struct zk_acl acl_task;
/* control: server all; core and monitor read. */
extern const struct zk_acl acl_control;
/* instances, lastCommit, status, commands: core all; server all (it deletes tasks and
 * gives commands); monitor reads. */
extern const struct zk_acl acl_core;
/* tokens, users, revisions, audit: server alone. */
extern const struct zk_acl acl_server;
/* alerts: monitor and server all; core reads. Also silences, rules, orders. */
extern const struct zk_acl acl_alerts;
/* The root and its folders: every daemon reads, creates and deletes children; the server
 * raises the root's format. */
extern const struct zk_acl acl_folder;

#endif
