/* The few registers of the LM3S6965 (Cortex-M3) that this firmware touches; names as in its data sheet. */
#ifndef REGISTERS_H
#define REGISTERS_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

/* Clock gates */
#define SYSCTL_RCGC1 REGISTER(0x400FE104u)
#define RCGC1_UART0 (1u << 0)
#define SYSCTL_RCGC2 REGISTER(0x400FE108u)
#define RCGC2_GPIOA (1u << 0)

/* Port A: pins 0 and 1 are UART0's */
#define GPIOA_AFSEL REGISTER(0x40004420u)
#define GPIOA_DEN REGISTER(0x4000451Cu)
#define GPIOA_UART0_PINS 0x3u

#define UART0_DR REGISTER(0x4000C000u)
#define UART0_FR REGISTER(0x4000C018u)
#define UART_FR_RXFE (1u << 4)
#define UART_FR_TXFF (1u << 5)
#define UART0_IBRD REGISTER(0x4000C024u)
#define UART0_FBRD REGISTER(0x4000C028u)
#define UART0_LCRH REGISTER(0x4000C02Cu)
#define UART_LCRH_FEN (1u << 4)
#define UART_LCRH_8BIT (3u << 5)
#define UART0_CTL REGISTER(0x4000C030u)
#define UART_CTL_UARTEN (1u << 0)
#define UART_CTL_TXE (1u << 8)
#define UART_CTL_RXE (1u << 9)
#define UART0_IM REGISTER(0x4000C038u)
#define UART0_ICR REGISTER(0x4000C044u)
#define UART_INT_RX (1u << 4)
#define UART_INT_RX_TIMEOUT (1u << 6)

#define UART0_IRQ 5
#define NVIC_ISER0 REGISTER(0xE000E100u)

#endif
