# computed: `make run` and `make check` are the two commands. `make help` lists the rest.
#
# One variant is one directory: V=release (build/), test (failpoints and lock assertions), asan, tsan, clang, fuzz (build/<V>/).

SHELL := /bin/bash
.DEFAULT_GOAL := all
V ?= release
OUT := $(if $(filter release,$(V)),build,build/$(V))
VERSION := 0.1.0

PKGS := libvirt libvirt-qemu libxml-2.0 libmicrohttpd gnutls jansson sqlite3 inih nettle libcurl libarchive libssh libsodium libsystemd
COMMA := ,
WARN := -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2
WERROR := -Werror
BASE_CFLAGS := -std=gnu11 -g $(WARN) $(WERROR) -fno-strict-aliasing -fstack-protector-strong -pthread -Iinclude -DCOMPUTED_VERSION='"$(VERSION)"'
CFLAGS_release := -DNDEBUG
CFLAGS_test := -O1 -DCOMPUTED_FAILPOINTS
SAN := -O1 -DCOMPUTED_FAILPOINTS -fno-omit-frame-pointer
CFLAGS_asan := $(SAN) -fsanitize=address,undefined -fno-sanitize-recover=undefined
CFLAGS_tsan := $(SAN) -fsanitize=thread
CFLAGS_clang := -O1 -DCOMPUTED_FAILPOINTS
CFLAGS_fuzz := $(SAN) -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
CC_clang := clang
CC_fuzz := clang
CC_tsan := clang
CC := $(or $(CC_$(V)),gcc)
# CFLAGS, CPPFLAGS and LDFLAGS are whoever builds a package's: from the environment, or from the command line.
ifeq ($(V),release)
CFLAGS ?= -O2 -D_FORTIFY_SOURCE=2
endif
# Asked for late (=), so that `make deps` can run before the libraries are there.
ALL_CFLAGS = $(BASE_CFLAGS) $(CFLAGS_$(V)) $(shell pkg-config --cflags $(PKGS)) $(CPPFLAGS) $(CFLAGS)
LDLIBS = $(shell pkg-config --libs $(PKGS)) -lwslay -lm
ALL_LDFLAGS = -Wl,--as-needed -pthread $(filter -fsanitize%,$(CFLAGS_$(V))) $(LDFLAGS)
# Only tests may know where the tree lies.
TEST_CFLAGS := -DCOMPUTED_SOURCE_DIR='"$(CURDIR)"' -Itests/lib

# The plan of the house: what each room may link. `make check-source` holds the includes against the same table.
ROOMS := base model store virt disk job core http api app cli
DEPS_base :=
DEPS_model := base
DEPS_store := model base
DEPS_virt := model base
DEPS_disk := model base
DEPS_job := store model base
DEPS_core := job store virt disk model base
DEPS_http := model base
DEPS_api := core http job store virt disk model base
DEPS_app := api core http job store virt disk model base
DEPS_cli := base

$(foreach r,$(ROOMS),$(eval SRC_$(r) := $(shell find src/$(r) -name '*.c' -o -name '*.S' 2>/dev/null | sort)))
SRC_app := $(filter-out src/app/main.c,$(SRC_app))
SRC_cli := $(filter-out src/cli/computectl.c,$(SRC_cli))
obj = $(patsubst src/%,$(OUT)/obj/%.o,$(1))
libs = $(patsubst %,$(OUT)/lib/%.a,$(1) $(DEPS_$(1)))

.PHONY: all help
all: $(OUT)/computed $(OUT)/computectl

## The two commands:
##   make run           install what is missing, build, start a daemon on 127.0.0.1:8081 with a tiny guest image; Ctrl-C stops it
##   make check         install what is missing, then all tests, on real libvirt and QEMU too
## Also:
##   make               build the daemon and the client
##   make demo          a VM's whole life on a daemon of its own; leaves nothing running
help:
	@sed -n 's/^## \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

##   make deps          install missing Debian packages (sudo when not root); deps-check: those of the tests too
.PHONY: deps deps-check
deps:
	@tools/deps.sh run
deps-check:
	@tools/deps.sh check

# In a make of their own: before `deps` the libraries may not be there.
JOBS := $(shell nproc)
.PHONY: run demo
run: deps
	@$(MAKE) --no-print-directory -j$(JOBS) all build/subreaper
	@tools/run.sh
demo: deps
	@$(MAKE) --no-print-directory -j$(JOBS) all build/subreaper
	@tools/demo.sh

define ROOM_LIB
$(OUT)/lib/$(1).a: $(call obj,$(SRC_$(1)))
	@mkdir -p $$(@D)
	@rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call ROOM_LIB,$(r))))

$(OUT)/obj/%.c.o: src/%.c
	@mkdir -p $(@D)
	@echo "  CC $<"
	@$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(OUT)/obj/%.S.o: src/%.S
	@mkdir -p $(@D)
	@echo "  AS $<"
	@$(CC) -Iinclude -g $(filter -f%-prefix-map=%,$(CFLAGS)) -MMD -MP -c -o $@ $<
# .incbin is no #include: -MMD does not see it.
$(OUT)/obj/api/native/openapi_json.S.o: src/api/native/openapi.json

$(OUT)/computed: $(OUT)/obj/app/main.c.o $(call libs,app)
	@echo "  LD $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LDLIBS)
$(OUT)/computectl: $(OUT)/obj/cli/computectl.c.o $(call libs,cli)
	@echo "  LD $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LDLIBS)

# For scripts that start libvirtd where no service manager does; needs no library.
build/subreaper: tools/subreaper.c
	@mkdir -p $(@D)
	@gcc -std=gnu11 -O2 $(WARN) $(WERROR) -o $@ $<

# What systemd is given: systemd/ with the places of the programs filled in. `install` copies build/systemd/.
PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
BINDIR ?= $(PREFIX)/bin
UNITS := $(patsubst systemd/%,build/systemd/%,$(patsubst %.in,%,$(wildcard systemd/*)))
.PHONY: units
units: $(UNITS)
build/systemd/%: systemd/%.in FORCE
	@mkdir -p $(@D)
	@sed 's|@SBINDIR@|$(SBINDIR)|g; s|@BINDIR@|$(BINDIR)|g' $< >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
build/systemd/%: systemd/%
	@mkdir -p $(@D)
	@cp $< $@
.PHONY: FORCE
FORCE:

# tests/unit/<room>_<module>.c and tests/contract/<room>_<what>.c are Check programs that link their room and the rooms below it.
room_of = $(firstword $(subst _, ,$(notdir $(1))))
UNIT_SRC := $(sort $(wildcard tests/unit/*_*.c))
CONTRACT_SRC := $(sort $(wildcard tests/contract/*_*.c))
test_bin = $(patsubst tests/%.c,$(OUT)/tests/%,$(1))
define CHECK_PROGRAM
$(call test_bin,$(1)): $(1) $(call libs,$(call room_of,$(basename $(1))))
	@mkdir -p $$(@D)
	@echo "  LD $$@"
	@$$(CC) $$(ALL_CFLAGS) $$(TEST_CFLAGS) $$(shell pkg-config --cflags check) -MMD -MP $$(ALL_LDFLAGS) -o $$@ $$(filter %.c %.a,$$^) $$(shell pkg-config --libs check) $$(LDLIBS)
endef
$(foreach t,$(UNIT_SRC) $(CONTRACT_SRC),$(eval $(call CHECK_PROGRAM,$(t))))

# What fails in them: libvirt's second answer; the journal; the allocation (tests/lib/malloc_fail.h).
$(call test_bin,tests/unit/virt_state.c): ALL_LDFLAGS += -Wl,--wrap=virDomainHasManagedSaveImage
$(call test_bin,tests/unit/base_journal.c): ALL_LDFLAGS += -Wl,--wrap=sd_journal_sendv,--wrap=access
$(call test_bin,tests/unit/app_memory.c): ALL_LDFLAGS += $(addprefix -Wl$(COMMA)--wrap=,malloc calloc realloc reallocarray strdup strndup)

# tests/fuzz/<name>.c: under V=fuzz a libFuzzer program, else one that replays the files it is given.
# Of two sources gcc writes down what the last one includes.
FUZZ_SRC := $(sort $(wildcard tests/fuzz/*.c))
FUZZ_MAIN := $(if $(filter fuzz,$(V)),,tests/lib/fuzz_main.c)
FUZZ_LINK := $(if $(filter fuzz,$(V)),-fsanitize=fuzzer)
$(call test_bin,$(FUZZ_SRC)): $(OUT)/tests/fuzz/%: $(FUZZ_MAIN) tests/fuzz/%.c $(call libs,app)
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(ALL_CFLAGS) $(TEST_CFLAGS) -MMD -MP $(ALL_LDFLAGS) $(FUZZ_LINK) -o $@ $(filter %.c %.a,$^) $(LDLIBS)

.PHONY: unit contract fuzzers
unit: $(call test_bin,$(UNIT_SRC))
contract: $(call test_bin,$(CONTRACT_SRC))
fuzzers: $(call test_bin,$(FUZZ_SRC))

##   make api           only the API tests, on the fake hypervisor
##   make e2e           only the end-to-end tests, on real libvirt and QEMU in namespaces of their own (root)
##   make asan          unit, contract, fuzz corpora and API tests under AddressSanitizer and UBSan
##   make tsan          unit, contract and API tests under ThreadSanitizer
##   make valgrind      unit tests of job, core, disk and store under memcheck (some minutes)
##   make check-cloud-image   a guest that somebody can log in to, with a real Debian image and cloud-init (some minutes)
##   make check-trouble       libvirtd and QEMU stopped, disks full, read-only or broken, databases locked (some minutes)
##   make check-crash         a sample of the crash matrix, on the fake and on real libvirt (some minutes)
##   make check-addresses     a hundred creates and deletes in a row: every address in the answer is the guest's (some minutes)
##   make check-vagrant       the Vagrant box's provisioning, run on a clean Debian with systemd up to a VM (some minutes)
##   make doctor-histories    500 random healthy histories give the doctor no finding (some minutes; DOCTOR_SEED repeats one)
##   make golden        rewrite the golden files; read the diff
.PHONY: check api e2e asan tsan valgrind check-cloud-image check-trouble check-crash check-addresses check-vagrant golden doctor-histories
check: deps-check
	@tools/check.py
api e2e asan tsan valgrind: deps-check
	@tools/check.py $@
check-cloud-image check-trouble check-addresses check-vagrant: deps-check
	@tools/check.py $(@:check-%=%)
check-crash: deps-check
	@tools/check.py crash crash-libvirt
doctor-histories: deps-check
	@tools/check.py doctor-histories
golden: deps-check
	@$(MAKE) --no-print-directory -j$(JOBS) V=test unit contract
	@tools/check.py --golden unit

##   make fuzz          each fuzzer for a while (FUZZ_SECONDS=60), starting from its corpus
FUZZ_SECONDS ?= 60
FUZZ_WORLDS := requests spec_to_xml # other threads work on: leaks are looked for at the end, not after each input
.PHONY: fuzz
fuzz: deps-check
	@$(MAKE) --no-print-directory -j$(JOBS) V=fuzz fuzzers
	@for f in $(notdir $(basename $(FUZZ_SRC))); do \
		mkdir -p build/fuzz/corpus/$$f; \
		(cd build/fuzz && tests/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 $$(case " $(FUZZ_WORLDS) " in *" $$f "*) echo -detect_leaks=0;; esac) -artifact_prefix=$$f- corpus/$$f ../../tests/fuzz/corpus/$$f) || exit; \
	done

##   make crash         kill -9 and errors at every failpoint of every operation; writes docs/crash-matrix.md (an hour or two, root)
.PHONY: crash
crash: deps-check
	@$(MAKE) --no-print-directory -j$(JOBS) V=test all
	@tests/crash/run.py

##   make bench         latencies and ratios against raw libvirt and virsh (root)
.PHONY: bench
bench: deps-check
	@tests/bench/run.sh

##   make format        clang-format over the whole tree
##   make units         what systemd is given, in build/systemd/ (SBINDIR= or PREFIX= say where the daemon will be)
##   make check-source  forbidden includes and calls, sizes, formatting; what debian/ repeats
.PHONY: format check-source
format:
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i
check-source:
	@tools/check_source.py
	@tools/check_packaging.py

##   make install       to PREFIX=/usr/local, below DESTDIR=; configuration that is there stays. uninstall leaves configuration and state
##   make deb           Debian packages of the daemon and the client, in build/deb/
##   make check-deb     the packages installed, used, upgraded, removed and purged in a clean Debian (root, some minutes)
DESTDIR :=
DATADIR := $(PREFIX)/share
MANDIR := $(DATADIR)/man
DOCDIR := $(DATADIR)/doc/computed
LIBDIR := $(PREFIX)/lib
UNITDIR := $(LIBDIR)/systemd/system
CONFIG := /etc/computed/computed.conf
DOCUMENTS := README.md CHANGELOG.md $(wildcard docs/*.md) $(wildcard examples/*.sh) grafana/computed.json

# What lies where, as mode:file:place. The configuration is apart, for it becomes the administrator's.
INSTALLED := \
	0755:$(OUT)/computed:$(SBINDIR)/computed \
	0755:$(OUT)/computectl:$(BINDIR)/computectl \
	$(foreach t,domain network nwfilter,0644:templates/$(t).xml:$(DATADIR)/computed/templates/$(t).xml) \
	0644:build/systemd/computed.service:$(UNITDIR)/computed.service \
	0644:build/systemd/computed.socket:$(UNITDIR)/computed.socket \
	0644:build/systemd/computed-guests.service:$(UNITDIR)/computed-guests.service \
	0644:build/systemd/computed.sysusers:$(LIBDIR)/sysusers.d/computed.conf \
	0644:build/systemd/computed.tmpfiles:$(LIBDIR)/tmpfiles.d/computed.conf \
	0644:man/computed.8:$(MANDIR)/man8/computed.8 \
	0644:man/computed.conf.5:$(MANDIR)/man5/computed.conf.5 \
	0644:man/computectl.1:$(MANDIR)/man1/computectl.1 \
	0644:completions/computectl.bash:$(DATADIR)/bash-completion/completions/computectl \
	$(foreach d,$(DOCUMENTS),0644:$(d):$(DOCDIR)/$(d))

# It asks for tokens, and lets the members of the group administer through the socket.
$(OUT)/computed.conf: $(OUT)/computed tools/default-config.sh
	@tools/default-config.sh $< 'listen=unix:/run/computed/computed.sock, 127.0.0.1:8081' auth=token admin_group=computed >$@.new
	@mv $@.new $@

.PHONY: install uninstall
install: all units $(OUT)/computed.conf
	@for item in $(INSTALLED); do \
		IFS=: read -r mode from to <<<"$$item"; \
		install -D -m "$$mode" "$$from" "$(DESTDIR)$$to" || exit; \
	done
	@[ -e "$(DESTDIR)$(CONFIG)" ] || install -D -m 0644 $(OUT)/computed.conf "$(DESTDIR)$(CONFIG)"
	@[ -n "$(DESTDIR)" ] || echo "next: systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload && systemctl enable --now computed computed-guests"
uninstall:
	@for item in $(INSTALLED); do rm -f "$(DESTDIR)$${item##*:}"; done
	@for folder in $(sort $(dir $(DOCUMENTS:%=$(DOCDIR)/%))) $(DATADIR)/computed/templates $(DATADIR)/computed; do \
		rmdir "$(DESTDIR)$$folder" 2>/dev/null || true; \
	done

.PHONY: deb check-deb
deb:
	@tools/deps.sh deb
	@tools/deb.sh
check-deb: deps-check
	@tools/deps.sh deb
	@tools/check.py deb

##   make clean         remove build/
.PHONY: clean
clean:
	rm -rf build

##
## Variants: make V=test|asan|tsan|clang|fuzz TARGET builds into build/<variant>/.

-include $(shell find $(OUT)/obj $(OUT)/tests -name '*.d' 2>/dev/null)
