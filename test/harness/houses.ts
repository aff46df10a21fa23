import * as account from '@gala/services/application/account';
import * as interaction from '@gala/services/application/interaction';
import * as room from '@gala/services/application/room';
import { gatewaySection, role } from '@gala/services/access/gateway';

/** The gateway over accounts and rooms. */
export const houseOfRooms = {
  roles: [account.role, room.readerRole, room.role, role],
  sections: [account.accountSection, room.roomSection, room.diskSection, gatewaySection],
  migrations: [...account.migrations, ...room.migrations],
};

/** The same with owners of rooms, for what is said in them. */
export const houseOfChat = {
  roles: [account.role, room.readerRole, room.role, interaction.role, role],
  sections: [...houseOfRooms.sections, interaction.interactionSection, interaction.chatSection],
  migrations: [...houseOfRooms.migrations, ...interaction.migrations],
};
