/* The probe's guest: a boot sector that does what boot loaders and kernels do first, and then says so on the serial port, once.
 * A /dev/kvm that is emulated by another hypervisor may run firmware and plain long mode, and yet die at an interrupt's return in protected
 * mode, or run a thousand times too slowly: so an interrupt is taken in both modes, and some work is done before the answer.
 * Loaded by the firmware at 0x7c00. */
    .section .rodata
    .globl virt_probe_guest
    .globl virt_probe_guest_end
#define AT(label) ((label) - virt_probe_guest + 0x7c00)
#define CODE32 0x08
#define DATA 0x10
#define CODE64 0x18
#define VECTOR 0x20
#define WORK 10000000            /* 0.1 s when translated, 5 ms on a processor */
#define TICKS 0x600              /* a byte of low memory that only the timer's handler writes */

    .code16
virt_probe_guest:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    lgdtl AT(gdt_pointer)
    lidtl AT(idt32_pointer)
    movl %cr0, %eax
    orl $1, %eax                 /* PE */
    movl %eax, %cr0
    ljmpl $CODE32, $AT(protected)

    .code32
protected:
    movw $DATA, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    int $VECTOR
    /* Page tables at 0x1000, 0x2000 and 0x3000: the first 2 MiB, mapped to themselves. */
    movl $0x1000, %edi
    movl %edi, %cr3
    xorl %eax, %eax
    movl $0xc00, %ecx
    rep stosl
    movl $0x2003, 0x1000
    movl $0x3003, 0x2000
    movl $0x0083, 0x3000
    movl %cr4, %eax
    orl $0x620, %eax             /* PAE, OSFXSR, OSXMMEXCPT */
    movl %eax, %cr4
    movl $0xc0000080, %ecx       /* EFER */
    rdmsr
    orl $0x100, %eax             /* LME */
    wrmsr
    movl %cr0, %eax
    andl $~4, %eax               /* EM */
    orl $0x80000002, %eax        /* PG, MP */
    movl %eax, %cr0
    ljmpl $CODE64, $AT(long_mode)
return32:
    iretl

    .code64
long_mode:
    movl $0x7c00, %esp
    movw $DATA, %ax
    movw %ax, %ss
    lidt AT(idt64_pointer)
    xorps %xmm0, %xmm0
    movups %xmm0, TICKS
    /* The first interrupt controller: vectors from VECTOR on, the timer alone. */
    movb $0x11, %al
    outb %al, $0x20
    movb $VECTOR, %al
    outb %al, $0x21
    movb $4, %al
    outb %al, $0x21
    movb $1, %al
    outb %al, $0x21
    movb $0xfe, %al
    outb %al, $0x21
wait:
    sti
    hlt
    cli
    cmpb $0, TICKS
    je wait
    movl $WORK, %ecx
work:
    loop work
    movl $AT(answer), %esi
next:
    movw $0x3fd, %dx             /* COM1's line status: ready to send */
    inb %dx, %al
    testb $0x20, %al
    jz next
    lodsb
    testb %al, %al
    jz done
    movw $0x3f8, %dx
    outb %al, %dx
    jmp next
done:
    hlt
    jmp done
tick:
    pushq %rax
    incb TICKS
    movb $0x20, %al
    outb %al, $0x20
    popq %rax
    iretq

answer:
    .asciz "computed-probe-ok\n"
    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9a000000ffff     /* CODE32 */
    .quad 0x00cf92000000ffff     /* DATA */
    .quad 0x00af9a000000ffff     /* CODE64 */
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long AT(gdt)
/* One gate each: the tables begin where VECTOR's gate would make them begin. */
gate32:
    .word AT(return32), CODE32, 0x8e00, 0
gate64:
    .word AT(tick), CODE64, 0x8e00, 0, 0, 0, 0, 0
idt32_pointer:
    .word VECTOR * 8 + 7
    .long AT(gate32) - VECTOR * 8
idt64_pointer:
    .word VECTOR * 16 + 15
    .quad AT(gate64) - VECTOR * 16

    .org virt_probe_guest + 510
    .word 0xaa55
virt_probe_guest_end:
    .section .note.GNU-stack, "", @progbits
