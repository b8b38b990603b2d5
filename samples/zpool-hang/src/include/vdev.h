/* Virtual devices of the sample zfs.kext: a tree whose inner nodes open their children. */
#pragma once
#include "spl.h"

typedef struct vdev vdev;
typedef struct spa spa;

typedef struct {
	const char *type;
	int (*open)(vdev *device, u64 *size, u64 *max_size, u64 *shift);
	void (*close)(vdev *device);
} vdev_ops;

enum { VDEV_UNKNOWN, VDEV_CLOSED, VDEV_CANT_OPEN, VDEV_DEGRADED, VDEV_HEALTHY };

struct vdev {
	const vdev_ops *ops;
	spa *pool;
	vdev *parent;
	vdev **child;
	u64 children;
	u64 size;
	u64 max_size;
	u64 shift;
	u64 open_error;
	u64 state;
	u64 not_rotational;
	u64 in_memory;
	u64 in_use;
	lck_mtx lock;
};

extern const vdev_ops vdev_root_ops;
extern const vdev_ops vdev_disk_ops;

int vdev_open(vdev *device);
void vdev_open_children(vdev *parent);
int vdev_create(vdev *device, u64 transaction, int replacing);
int spa_create(const char *name, vdev *root, const u64 *properties, u64 count);
