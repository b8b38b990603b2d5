/* Receiving a message. */
#include "kernel.h"

struct message_queue { lck_mtx lock; u64 messages; u64 sequence; void *first; };

struct message_queue queues[32];

static void ipc_mqueue_receive_continue(void *parameter, int result)
{
	struct message_queue *queue = parameter;

	if (result == 0)
		queue->sequence++;
}

int ipc_mqueue_receive(struct message_queue *queue, u32 options)
{
	lck_mtx_lock(&queue->lock);
	if (queue->messages == 0) {
		assert_wait(queue, 1);
		lck_mtx_unlock(&queue->lock);
		int result = thread_block_reason(options & 1 ? ipc_mqueue_receive_continue : 0, queue, 0);
		if (result != 0)
			return result;
		lck_mtx_lock(&queue->lock);
	}
	queue->messages--;
	lck_mtx_unlock(&queue->lock);
	return 0;
}

u64 mach_msg_overwrite_trap(u64 *arguments)
{
	struct message_queue *queue = &queues[arguments[3] % 32];

	if (arguments[1] & 1)
		queue->messages++;
	return arguments[1] & 2 ? (u64)ipc_mqueue_receive(queue, (u32)arguments[2]) : 0;
}
