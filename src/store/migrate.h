/* store/migrate: the schema's growth. Private to the room. */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include <sqlite3.h>

#include "base/err.h"

struct migration {
    const char *sql;
    int (*run)(sqlite3 *db, struct err *e); /* after the SQL, in its transaction; NULL: nothing */
};

/* The database's user_version counts how many of the items it has seen. */
struct migration_list {
    const struct migration *items;
    int count;
};
extern const struct migration_list store_migrations;

/* ERR_CONFIG when the database is newer than the list. Changes nothing. */
int migrate_check(sqlite3 *db, const struct migration_list *list, struct err *e);
/* Brings the database to the end of the list, each item in one transaction. A database that has seen one is copied first. */
int migrate(sqlite3 *db, const char *path, const struct migration_list *list, struct err *e);

#endif
