// A test subject for `cargo xtask oracle`: classes, templates, lambdas and namespaces without a library.

using u64 = unsigned long;
using u32 = unsigned int;

namespace storage {

template <typename T, u32 N>
class Ring {
public:
	bool push(const T &item)
	{
		if (full())
			return false;
		slot(length_++) = item;
		return true;
	}

	bool pop(T &item)
	{
		if (length_ == 0)
			return false;
		item = slot(0);
		first_ = (first_ + 1) % N;
		length_--;
		return true;
	}

	template <typename F>
	void each(F &&visit)
	{
		for (u32 i = 0; i < length_; i++)
			visit(slot(i));
	}

	bool full() const { return length_ == N; }
	u32 length() const { return length_; }

private:
	T &slot(u32 index) { return items_[(first_ + index) % N]; }

	T items_[N];
	u32 first_ = 0;
	u32 length_ = 0;
};

struct Request {
	u64 block;
	u32 count;
	bool write;

	bool operator<(const Request &other) const { return block < other.block; }
};

class Device {
public:
	virtual bool start(const Request &request) = 0;
	virtual const char *name() const { return "device"; }

	u64 served() const { return served_; }

protected:
	~Device() = default;
	void done(const Request &request) { served_ += request.count; }

private:
	u64 served_ = 0;
};

namespace {

u64 ticks;

inline u64 now() { return ++ticks; }

class Memory final : public Device {
public:
	bool start(const Request &request) override
	{
		if (request.block + request.count > sizeof blocks_)
			return false;
		for (u32 i = 0; i < request.count; i++) {
			if (request.write)
				blocks_[request.block + i] = static_cast<unsigned char>(now());
			else
				sum_ += blocks_[request.block + i];
		}
		done(request);
		return true;
	}

	const char *name() const override { return "memory"; }

private:
	unsigned char blocks_[512];
	u64 sum_ = 0;
};

Memory memory;

} // namespace

class Queue {
public:
	explicit Queue(Device &device) : device_(device) {}

	bool add(const Request &request);
	u32 run(u32 most);
	u64 blocks_waiting();
	template <typename T> T largest(T least);

private:
	Device &device_;
	Ring<Request, 32> waiting_;
	Ring<Request, 8> failed_;
};

bool Queue::add(const Request &request)
{
	if (waiting_.push(request))
		return true;
	Request oldest;
	return waiting_.pop(oldest) && device_.start(oldest) && waiting_.push(request);
}

u32 Queue::run(u32 most)
{
	u32 started = 0;
	Request next;
	while (started < most && waiting_.pop(next)) {
		if (device_.start(next))
			started++;
		else
			failed_.push(next);
	}
	return started;
}

u64 Queue::blocks_waiting()
{
	u64 sum = 0;
	auto add = [&sum](const Request &request) { sum += request.count; };
	waiting_.each(add);
	failed_.each([&](const Request &request) {
		if (request.write)
			add(request);
	});
	return sum;
}

template <typename T>
T Queue::largest(T least)
{
	T best = least;
	waiting_.each([&best](const Request &request) {
		if (static_cast<T>(request.count) > best)
			best = static_cast<T>(request.count);
	});
	return best;
}

template u32 Queue::largest<u32>(u32);
template u64 Queue::largest<u64>(u64);

} // namespace storage

extern "C" int queue_start(storage::Queue *queue, u64 first)
{
	bool fine = true;
	for (u32 i = 0; i < 40; i++)
		fine = queue->add({first + i * 8, 8, i % 3 == 0}) && fine;
	queue->run(20);
	return fine && queue->blocks_waiting() < queue->largest<u64>(4) ? 0 : 1;
}

storage::Device *storage_default() { return &storage::memory; }
