/* Device files. */
#include "kernel.h"

enum { CHARACTER = 4, BLOCK = 3, MAJORS = 64 };

typedef int (*device_ioctl)(int device, u64 number, void *data, int flags, void *process);

struct device_switch { device_ioctl ioctl; u64 flags; };

struct device_switch character_devices[MAJORS];
struct device_switch block_devices[MAJORS];

int spec_ioctl(struct ioctl_arguments *arguments)
{
	int device = arguments->node->device;
	u32 major = (u32)device >> 24;
	struct device_switch *table = arguments->node->type == CHARACTER ? character_devices : block_devices;

	if (major >= MAJORS || table[major].ioctl == 0)
		return NO_DEVICE;
	int error = table[major].ioctl(device, arguments->number, arguments->data, arguments->flags, arguments->process);
	table[major].flags |= (u64)(error != 0);
	return error;
}
