# Two commands: `make demo` shows it, `make test` proves it. CMake does the work.
BUILD := build
CMAKE := cmake -G Ninja -S .
export MM_SHARED ?= $(abspath ../shared)
FUZZ_SECONDS ?= 10

.PHONY: build demo test test-release test-asan test-tsan test-clang fuzz bench install-tools clean

build: install-tools
	@$(CMAKE) -B $(BUILD)/release -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
	@ninja -C $(BUILD)/release marketmaker
	@ln -sf release/marketmaker $(BUILD)/marketmaker

demo: build
	$(BUILD)/marketmaker demo

# Everything with gcc; the same under address and undefined sanitizers with clang; what has threads under the thread
# sanitizer; every fuzz target for a few seconds.
test: install-tools
	@tools/test.sh

bench: install-tools
	@tools/bench.sh

fuzz: install-tools
	@tools/fuzz.sh $(FUZZ_SECONDS)

install-tools:
	@tools/install.sh

clean:
	rm -rf $(BUILD)
