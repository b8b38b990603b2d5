/* A disk as a leaf of the tree. */
#include "vdev.h"

enum { SECTOR_SHIFT = 9 };

static int vdev_disk_open(vdev *disk, u64 *size, u64 *max_size, u64 *shift)
{
	while (disk->in_use)
		msleep(disk, &disk->lock, PRIORITY_KERNEL, "disk_busy", 0);
	*size = disk->max_size;
	*max_size = disk->max_size;
	*shift = SECTOR_SHIFT;
	return *size == 0 ? NO_DEVICE : 0;
}

static void vdev_disk_close(vdev *disk)
{
	disk->state = VDEV_CLOSED;
}

const vdev_ops vdev_disk_ops = { "disk", vdev_disk_open, vdev_disk_close };
