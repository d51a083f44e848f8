create schema shop;
create schema reports;

create type shop.hardiness as enum ('tender', 'half hardy', 'hardy');

create table shop.plants (
  plant_id integer primary key,
  name text not null,
  hardiness shop.hardiness not null,
  price numeric(8,2) not null,
  tags text[]
);

insert into shop.plants values
  (1, 'Lavender', 'hardy', 4.50, '{bee friendly,dry soil}'),
  (2, 'Dahlia "Night Sky"', 'half hardy', 7.90, '{cut flower}'),
  (3, 'Lemon verbena', 'tender', 6.20, null),
  (4, 'Œillet de Flandre', 'half hardy', 3.75, '{bee friendly,cut flower}');

create table shop.orders (
  order_id bigint primary key,
  ordered_at timestamptz not null,
  status text not null,
  amount numeric not null,
  delivery jsonb,
  updated_at timestamptz not null
);

insert into shop.orders values
  (1, '2025-03-30 23:30:00+00', 'paid', 12.40, '{"way": "pick up"}', '2025-03-31 08:00:00+00'),
  (2, '2025-03-31 23:30:00+02', 'paid', 33.75, null, '2025-04-01 07:15:00+00'),
  (3, '2025-04-02 10:00:00+00', 'open', 15.80, '{"way": "post", "parcels": 2}', '2025-04-02 10:00:00+00'),
  (4, '2025-04-05 16:45:00+00', 'cancelled', 4.50, null, '2025-04-06 09:00:00+00');

create table shop.lines (
  order_id bigint not null references shop.orders,
  line_no smallint not null,
  plant_id integer not null references shop.plants,
  quantity integer not null,
  reserved daterange,
  primary key (order_id, line_no)
);

insert into shop.lines values
  (1, 1, 3, 2, '[2025-04-01,2025-04-15)'),
  (2, 1, 1, 5, '[2025-04-02,2025-04-16)'),
  (2, 2, 4, 3, null),
  (3, 1, 2, 2, '[2025-05-15,)'),
  (4, 1, 1, 1, null);
