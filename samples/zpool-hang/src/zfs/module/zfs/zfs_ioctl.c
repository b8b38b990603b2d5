/* Requests from the zpool and zfs programs. */
#include "vdev.h"

enum { DISKS = 16, PROPERTIES = 12 };

typedef struct {
	char name[64];
	u64 disks;
	u64 disk_size[DISKS];
	u64 properties[PROPERTIES];
	u64 properties_used;
	u64 error;
} zfs_command;

typedef struct {
	int (*handle)(zfs_command *command);
	u32 needs_pool;
	u32 needs_write;
} zfs_request;

static u64 requests_served;

static inline vdev *vdev_alloc(const vdev_ops *ops, vdev *parent, u64 size)
{
	vdev *device = kernel_alloc(sizeof *device);

	if (device != 0) {
		device->ops = ops;
		device->parent = parent;
		device->max_size = size;
	}
	return device;
}

static inline vdev *vdev_tree_from(const zfs_command *command)
{
	vdev *root = vdev_alloc(&vdev_root_ops, 0, 0);

	if (root == 0)
		return 0;
	root->child = kernel_alloc(DISKS * sizeof *root->child);
	for (u64 i = 0; root->child != 0 && i < command->disks && i < DISKS; i++)
		root->child[root->children++] = vdev_alloc(&vdev_disk_ops, root, command->disk_size[i]);
	return root;
}

int zfs_ioc_pool_create(zfs_command *command)
{
	if (command->disks == 0 || command->disks > DISKS)
		return INVALID;
	vdev *root = vdev_tree_from(command);
	if (root == 0)
		return OUT_OF_MEMORY;
	int error = spa_create(command->name, root, command->properties, command->properties_used);
	if (error != 0)
		kernel_free(root, sizeof *root);
	return error;
}

static int zfs_ioc_pool_stats(zfs_command *command)
{
	command->properties[0] = requests_served;
	return 0;
}

static const zfs_request requests[] = {
	{ zfs_ioc_pool_create, 0, 1 },
	{ zfs_ioc_pool_stats, 1, 0 },
};

static inline int zfs_may(const zfs_request *request, int flags)
{
	return !request->needs_write || (flags & 2) != 0;
}

/* The entry that spec_ioctl reaches through the device switch. */
int zfsdev_ioctl(int device, u64 number, zfs_command *command, int flags, void *process)
{
	u64 index = number & 0xff;

	if (index >= sizeof requests / sizeof *requests)
		return BAD_REQUEST;
	if (!zfs_may(&requests[index], flags))
		return INVALID;
	if (requests[index].needs_pool && command->name[0] == 0)
		return NO_DEVICE;
	int error = requests[index].handle(command);
	requests_served++;
	command->error = (u64)error;
	return error;
}

int (*zfs_device_switch[])(int, u64, zfs_command *, int, void *) = { zfsdev_ioctl };

int zfs_start(void *info, void *data)
{
	return zfs_device_switch[0] == 0 ? NO_DEVICE : 0;
}

int zfs_stop(void *info, void *data)
{
	return 0;
}
