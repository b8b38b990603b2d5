/* Storage pools: making one. */
#include "vdev.h"

enum { NAME_MAX = 64, PROPERTIES = 12, POOLS = 8, ALREADY_EXISTS = 17 };
enum { FEATURE_CHECKED = 1, FEATURE_ACTIVE = 2 };

struct spa {
	char name[NAME_MAX];
	kmutex lock;
	kcondvar changed;
	vdev *root;
	u64 first_transaction;
	u64 properties[PROPERTIES];
	u64 features[PROPERTIES];
	u64 checksum[4];
	u32 state;
	u32 references;
	taskq *queues[4];
};

static spa *pools[POOLS];
static kmutex pools_lock;

static inline int name_is_valid(const char *name)
{
	u32 length = 0;

	for (; name[length] != 0; length++) {
		char c = name[length];
		int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		int other = (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
		if (!letter && !(other && length > 0))
			return 0;
	}
	return length > 0 && length < NAME_MAX;
}

static inline int same_name(const char *one, const char *other)
{
	while (*one != 0 && *one == *other) {
		one++;
		other++;
	}
	return *one == *other;
}

static inline spa *spa_lookup(const char *name)
{
	for (u32 slot = 0; slot < POOLS; slot++)
		if (pools[slot] != 0 && same_name(pools[slot]->name, name))
			return pools[slot];
	return 0;
}

static inline void spa_checksum_label(spa *pool, const u64 *words, u64 count)
{
	u64 a = 0, b = 0, c = 0, d = 0;

	for (u64 i = 0; i < count; i++) {
		a += words[i];
		b += a;
		c += b;
		d += c;
	}
	pool->checksum[0] = a;
	pool->checksum[1] = b;
	pool->checksum[2] = c;
	pool->checksum[3] = d;
}

static inline void spa_take_properties(spa *pool, const u64 *properties, u64 count)
{
	for (u64 i = 0; i < count && i < PROPERTIES; i++) {
		pool->properties[i] = properties[i];
		pool->features[i] = properties[i] != 0 ? FEATURE_ACTIVE : FEATURE_CHECKED;
	}
}

/* Opens the whole tree of devices; the pool stays locked meanwhile. */
static inline __attribute__((always_inline)) int
spa_open_root_vdev(spa *pool, vdev *root, u64 transaction)
{
	pool->root = root;
	root->pool = pool;
	return vdev_create(root, transaction, 0);
}

int spa_create(const char *name, vdev *root, const u64 *properties, u64 count)
{
	if (!name_is_valid(name))
		return INVALID;
	spl_mutex_enter(&pools_lock);
	if (spa_lookup(name) != 0) {
		spl_mutex_exit(&pools_lock);
		return ALREADY_EXISTS;
	}
	spa *pool = kernel_alloc(sizeof *pool);
	if (pool == 0) {
		spl_mutex_exit(&pools_lock);
		return OUT_OF_MEMORY;
	}
	for (u32 i = 0; i < NAME_MAX && (pool->name[i] = name[i]) != 0; i++)
		continue;
	spl_cv_init(&pool->changed);
	spa_take_properties(pool, properties, count);
	spa_checksum_label(pool, pool->properties, PROPERTIES);
	pool->first_transaction = 4;

	int error = spa_open_root_vdev(pool, root, pool->first_transaction);
	for (u32 slot = 0; error == 0 && slot < POOLS; slot++) {
		if (pools[slot] == 0) {
			pools[slot] = pool;
			break;
		}
	}
	spl_mutex_exit(&pools_lock);
	if (error != 0)
		kernel_free(pool, sizeof *pool);
	return error;
}
