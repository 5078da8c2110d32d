/* port.h -- where the commands of a simulated market go.
 *
 * Shape    a recorded (replay.h) or generated market (generated.h) hands each exchange command with its time to the port
 *          and reads the reply. The runner behind it gives the command to exchange_apply and publishes the events.
 */
#ifndef MM_SIM_PORT_H
#define MM_SIM_PORT_H

#include "exchange/exchange.h"

struct market_port {
    struct exchange_reply (*apply)(void *ctx, time_ns time, const struct exchange_command *cmd);
    void *ctx;
};

#endif
