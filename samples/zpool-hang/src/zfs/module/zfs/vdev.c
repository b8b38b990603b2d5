/* Opening trees of virtual devices. */
#include "vdev.h"

enum { SMALLEST = 64 << 20, LARGEST_SHIFT = 13 };

void vdev_open_child(void *argument);

/* A disk that came back is opened again from its own thread. */
int vdev_reopen(vdev *device, taskq *queue)
{
	return taskq_dispatch(queue, vdev_open_child, device);
}

static inline int has_memory_device(const vdev *device)
{
	for (u64 i = 0; i < device->children; i++)
		if (device->child[i]->in_memory)
			return 1;
	return 0;
}

static inline __attribute__((always_inline)) void vdev_open_in_parallel(vdev *parent)
{
	taskq *queue = taskq_create("vdev_open", (u32)parent->children, PRIORITY_KERNEL);

	for (u64 i = 0; i < parent->children; i++)
		taskq_dispatch(queue, vdev_open_child, parent->child[i]);
	taskq_destroy(queue);
}

void vdev_open_children(vdev *parent)
{
	if (has_memory_device(parent)) {
		for (u64 i = 0; i < parent->children; i++)
			vdev_open_child(parent->child[i]);
		return;
	}
	vdev_open_in_parallel(parent);
}

static inline int vdev_size_fits(const vdev *device, u64 size)
{
	return device->parent != 0 || size >= SMALLEST;
}

static inline void vdev_set_state(vdev *device, u64 state, u64 error)
{
	device->state = state;
	device->open_error = error;
}

__attribute__((noinline)) int vdev_open(vdev *device)
{
	u64 size = 0, max_size = 0, shift = 0;

	device->not_rotational = 1;
	vdev_set_state(device, VDEV_CLOSED, 0);
	if (device->ops == 0 || device->pool == 0) {
		vdev_set_state(device, VDEV_CANT_OPEN, NO_DEVICE);
		return NO_DEVICE;
	}
	int error = device->ops->open(device, &size, &max_size, &shift);
	if (error != 0 || !vdev_size_fits(device, size)) {
		vdev_set_state(device, VDEV_CANT_OPEN, error ? (u64)error : INVALID);
		return error ? error : INVALID;
	}
	device->size = size;
	device->max_size = max_size > size ? max_size : size;
	device->shift = shift > LARGEST_SHIFT ? LARGEST_SHIFT : shift;
	for (u64 i = 0; i < device->children; i++) {
		if (device->child[i]->state != VDEV_HEALTHY) {
			vdev_set_state(device, VDEV_DEGRADED, 0);
			return 0;
		}
		device->not_rotational &= device->child[i]->not_rotational;
	}
	vdev_set_state(device, VDEV_HEALTHY, 0);
	return 0;
}

int vdev_create(vdev *device, u64 transaction, int replacing)
{
	int error = vdev_open(device);

	if (error == 0 && device->state != VDEV_HEALTHY && !replacing) {
		device->ops->close(device);
		error = NO_DEVICE;
	}
	return error;
}

void vdev_open_child(void *argument)
{
	vdev *device = argument;

	device->open_error = (u64)vdev_open(device);
}
